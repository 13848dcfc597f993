//! `cargo xtask build`: builds the image for one of the two runtimes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::BuildOptions;
use crate::hermit;
use crate::process;
use crate::runtime::Runtime;
use crate::toolchain::{self, TARGET, Toolchain};
use crate::workspace::Workspace;

/// The folder of the finished images.
const FOLDER: &str = "target/image";

/// The purpose of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// The image that serves clients.
    Service,
    /// The image that runs its own tests and exits.
    SelfTest,
}

impl Image {
    /// Returns the path of the finished ELF.
    pub(crate) fn path(self, workspace: &Workspace, runtime: Runtime) -> PathBuf {
        let suffix = match self {
            Self::Service => "",
            Self::SelfTest => "-selftest",
        };
        workspace.path(FOLDER).join(format!("{}{suffix}.elf", runtime.package()))
    }

    fn name(self, runtime: Runtime) -> String {
        let name = match self {
            Self::Service => "the image",
            Self::SelfTest => "the self-test image",
        };
        match runtime {
            Runtime::Bare => name.to_owned(),
            Runtime::Hermit => format!("{name} on Hermit"),
        }
    }
}

/// Runs `cargo xtask build`.
pub(crate) fn build(workspace: &Workspace, options: &BuildOptions) -> anyhow::Result<ExitCode> {
    let image = if options.selftest { Image::SelfTest } else { Image::Service };
    let toolchain = Toolchain::ensure(workspace)?;
    let elf = compile(workspace, &toolchain, options.runtime, image)?;
    let bytes = std::fs::metadata(&elf)?.len();
    println!("{} ({} KiB)", workspace.show(&elf), bytes.div_ceil(1024));
    Ok(ExitCode::SUCCESS)
}

/// Builds an image. Returns the path of its ELF file.
pub(crate) fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    runtime: Runtime,
    image: Image,
) -> anyhow::Result<PathBuf> {
    if runtime == Runtime::Hermit {
        hermit::ensure(workspace, toolchain)?;
    }
    let folder = workspace.path(runtime.target_folder()).join(TARGET);
    let time = if folder.is_dir() { "" } else { &format!(", {}", runtime.first_build()) };
    let how = toolchain.describe();
    process::announce("Build", &format!("{} by {how}{time}", image.name(runtime)));
    let mut command = toolchain.cargo(workspace, runtime, "rustc");
    command.args(["--bin", runtime.package()]);
    if image == Image::SelfTest {
        command.args(["--features", "selftest"]);
    }
    command.arg("--").args(toolchain::link_flags(workspace)?);
    process::succeed(&mut command).context("the image does not build")?;
    let elf = image.path(workspace, runtime);
    publish(&folder.join("release").join(runtime.package()), &elf)?;
    Ok(elf)
}

/// Copies a file atomically: a guest that boots at the same time reads either the old or the new image.
fn publish(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let draft = to.with_extension("new");
    std::fs::copy(from, &draft).with_context(|| format!("cannot copy {}", from.display()))?;
    std::fs::rename(&draft, to).with_context(|| format!("cannot write {}", to.display()))
}
