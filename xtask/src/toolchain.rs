//! The compiler of the image: the search for a compiler with a `core` for bare x86_64, and its command line.
//!
//! The search tries, in this order: the active toolchain with the target installed; the active toolchain with
//! its library sources; the same two for Debian's packages in `/usr/bin`. If all fail, a compiler is
//! installed.

mod environment;
pub(crate) mod install;
mod origin;
mod target;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::process;
use crate::runtime::Runtime;
use crate::workspace::{self, Workspace};

use origin::{Origin, debian};

pub(crate) use target::TARGET;

/// Tells where the `core` of a compiler comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// The target is installed, with a compiled `core`.
    Installed,
    /// `core` is built from the library sources.
    FromSource,
}

/// A compiler that can build the image. The value proves that a `core` was found.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    origin: Origin,
    core: Core,
    minor: u32,
}

impl Toolchain {
    /// Finds a compiler. Changes nothing.
    pub(crate) fn find(workspace: &Workspace) -> anyhow::Result<Option<Self>> {
        let msrv = workspace.msrv_minor()?;
        let candidates = [(Origin::Active, active_rustc()), (Origin::Debian, debian("rustc"))];
        Ok(candidates.into_iter().find_map(|(origin, rustc)| probe(origin, &rustc, msrv)))
    }

    /// Finds a compiler. Installs one if there is none.
    pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<Self> {
        if let Some(toolchain) = Self::find(workspace)? {
            return Ok(toolchain);
        }
        install::install(workspace)?;
        Self::find(workspace)?.context("the compiler that was just installed is not found")
    }

    /// Returns a clause that describes the compiler.
    pub(crate) fn describe(&self) -> String {
        let owner = match self.origin {
            Origin::Active => "the active rustc",
            Origin::Debian => "Debian's rustc",
        };
        let core = match self.core {
            Core::Installed => "with the target installed",
            Core::FromSource => "with core built from its sources",
        };
        format!("{owner} 1.{} {core}", self.minor)
    }

    /// Returns the minor version of the compiler, which is a rustc 1.x.
    pub(crate) fn minor(&self) -> u32 {
        self.minor
    }

    /// Returns a cargo command for an image: `rustc`, `clippy` or `doc`. All three have the same flags, so
    /// that they can share their target folder.
    pub(crate) fn cargo(&self, workspace: &Workspace, runtime: Runtime, verb: &str) -> Command {
        let mut command = self.plain_cargo(workspace, verb);
        command.args(["--target", TARGET, "--release"]);
        command.arg("--manifest-path").arg(workspace.path(runtime.manifest()));
        command.args(["--package", runtime.package(), "--target-dir"]);
        command.arg(workspace.path(runtime.target_folder()));
        command.env("CARGO_ENCODED_RUSTFLAGS", image_flags().join("\u{1f}"));
        if self.core == Core::FromSource {
            command.args(["-Zbuild-std=core,alloc"]);
            command.args(["-Zbuild-std-features=compiler-builtins-mem"]);
        }
        if self.core == Core::FromSource || runtime == Runtime::Hermit {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        if runtime == Runtime::Hermit {
            // Hermit's log reads these variables. Without the first one, the levels on the console are
            // coloured.
            command.env("NO_COLOR", "1").env("HERMIT_LOG_LEVEL_FILTER", "warn");
        }
        command
    }

    /// Returns a cargo command of this compiler, without flags.
    pub(crate) fn plain_cargo(&self, workspace: &Workspace, verb: &str) -> Command {
        let mut command = match (self.origin, verb) {
            (Origin::Active, _) => Command::new(environment::active_cargo()),
            // Debian's cargo would first search for subcommands in the user's own folder.
            (Origin::Debian, "clippy") => Command::new(debian("cargo-clippy")),
            (Origin::Debian, _) => Command::new(debian("cargo")),
        };
        environment::scrub(&mut command, self.origin);
        if self.origin == Origin::Debian {
            command.env("CARGO", debian("cargo"));
            command.env("RUSTC", debian("rustc"));
            command.env("RUSTDOC", debian("rustdoc"));
        }
        command.current_dir(workspace.root()).arg(verb);
        command
    }
}

/// Returns the compiler flags for all crates of the image.
fn image_flags() -> Vec<&'static str> {
    // The image is one static ELF at a low address, which the default code model can reach.
    let mut flags = vec!["-Crelocation-model=static"];
    // Debian's rustc has no rust-lld. All compilers use the same linker, so that the layout is always the
    // same.
    if process::find("ld").is_some() {
        flags.extend(["-Clinker=ld", "-Clinker-flavor=ld"]);
    }
    flags
}

/// Returns the flags for linking, which `cargo rustc --bin` gets.
///
/// # Errors
/// The link script cannot be read.
pub(crate) fn link_flags(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let script = workspace.path("app/src/hardware/boot/link.ld");
    let content = std::fs::read(&script).with_context(|| script.display().to_string())?;
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    Ok(vec![
        format!("-Clink-arg=-T{}", script.display()),
        // A section that the script does not name would be placed after `.bss`.
        "-Clink-arg=--orphan-handling=error".to_owned(),
        "-Clink-arg=--build-id=none".to_owned(),
        // cargo does not track the script; this flag makes it link again when the script changes.
        format!("--cfg=link_script=\"{:016x}\"", hasher.finish()),
    ])
}

/// Returns the rustc that belongs to the cargo that started the tool.
fn active_rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from)
}

fn probe(origin: Origin, rustc: &Path, msrv: u32) -> Option<Toolchain> {
    let minor = minor(rustc)?;
    if minor < msrv {
        return None;
    }
    let core = find_core(rustc)?;
    let complete = origin == Origin::Active || debian("cargo").is_file();
    complete.then_some(Toolchain { origin, core, minor })
}

/// Returns the minor version of a rustc 1.x. Returns `None` if it cannot be run.
pub(crate) fn minor(rustc: &Path) -> Option<u32> {
    workspace::minor_of(process::ask(rustc, &["--version"])?.strip_prefix("rustc ")?)
}

fn find_core(rustc: &Path) -> Option<Core> {
    let libraries = process::ask(rustc, &["--print", "target-libdir", "--target", TARGET])?;
    if has_core(Path::new(libraries.trim())) {
        return Some(Core::Installed);
    }
    let sysroot = process::ask(rustc, &["--print", "sysroot"])?;
    let sources = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    (sources.join("core/src/lib.rs").is_file() && sources.join("Cargo.lock").is_file())
        .then_some(Core::FromSource)
}

fn has_core(libraries: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(libraries) else {
        return false;
    };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

/// Returns a cargo command for programs of the host.
pub(crate) fn host_cargo(workspace: &Workspace, verb: &str) -> Command {
    let mut command = Command::new(environment::active_cargo());
    environment::scrub_crate(&mut command);
    command.current_dir(workspace.root()).arg(verb);
    command
}

/// Returns the minor version of the rustc for programs of the host.
pub(crate) fn host_minor() -> anyhow::Result<u32> {
    minor(&active_rustc()).context("no rustc is found")
}
