//! The test layer `lints`: the project's own lints, and rustfmt, clippy and rustdoc for the host and for the
//! image.

use std::process::Command;

use super::bed::TestBed;
use super::documents;
use super::invariants;
use super::language;
use super::layers;
use super::soundness;
use super::tally::{Skip, Tally};
use crate::process;
use crate::runtime::Runtime;
use crate::toolchain::{self, Toolchain};
use crate::workspace::Workspace;

/// Runs every lint whose name contains `filter`. A failure does not prevent the following lints.
pub(super) fn run(
    workspace: &Workspace,
    toolchain: &Toolchain,
    filter: &str,
) -> anyhow::Result<Tally> {
    let strict = workspace.lint_minors()?;
    let host = Rigor::of(toolchain::host_minor()?, &strict);
    let image = Rigor::of(toolchain.minor(), &strict);
    let mut lints = Lints { filter, tally: Tally::default() };
    lints.run("layers", || layers::check(workspace));
    lints.run("language", || language::check(workspace));
    lints.run("invariants", || invariants::check(workspace));
    lints.run("documents", || documents::check(workspace));
    lints.run("soundness", || soundness::check(workspace));
    lints.run("rustfmt", || with("rustfmt", &mut format(workspace)));
    lints.run("clippy host", || with("clippy-driver", &mut host_clippy(workspace, host)));
    lints.run("rustdoc host", || run_one(&mut host_doc(workspace, host)));
    let mut program = Command::new("rustfmt");
    program.current_dir(workspace.root()).args(["--check", "--edition", "2024", PROGRAM]);
    lints.run("rustfmt hermit", || with("rustfmt", &mut program));
    for features in [None, Some("selftest"), Some("hermit")] {
        let name = features.unwrap_or("image");
        let mut clippy = toolchain.cargo(workspace, Runtime::Bare, "clippy");
        select(&mut clippy, features);
        if features == Some("hermit") {
            // The program of this image is in another package.
            clippy.arg("--lib");
        }
        image.clippy(&mut clippy);
        lints.run(&format!("clippy {name}"), || run_one(&mut clippy));
        let mut doc = toolchain.cargo(workspace, Runtime::Bare, "doc");
        select(doc.args(["--no-deps", "--lib"]), features);
        image.rustdoc(&mut doc);
        lints.run(&format!("rustdoc {name}"), || run_one(&mut doc));
    }
    Ok(lints.tally)
}

/// The lints of one run.
struct Lints<'a> {
    filter: &'a str,
    tally: Tally,
}

impl Lints<'_> {
    /// Runs a lint if its name contains the filter.
    fn run(&mut self, name: &str, lint: impl FnOnce() -> anyhow::Result<()>) {
        if name.contains(self.filter) {
            self.tally.record(name, lint());
        }
    }
}

/// The program of the image on Hermit. It is in a workspace of its own.
const PROGRAM: &str = "app/hermit/src/main.rs";

/// Lints the program of the image on Hermit, for which the kernel is needed.
pub(super) fn program(bed: &TestBed<'_>) -> anyhow::Result<Tally> {
    let rigor = Rigor::of(bed.toolchain.minor(), &bed.workspace.lint_minors()?);
    let mut clippy = bed.toolchain.cargo(bed.workspace, Runtime::Hermit, "clippy");
    rigor.clippy(&mut clippy);
    let mut tally = Tally::default();
    tally.record("clippy of the program", run_one(&mut clippy));
    Ok(tally)
}

/// Tells whether warnings are errors. They are errors only with the compilers for which the lints were
/// written, because every new compiler has new lints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rigor {
    Errors,
    Warnings,
}

impl Rigor {
    fn of(minor: u32, strict: &[u32]) -> Self {
        if strict.contains(&minor) {
            return Self::Errors;
        }
        process::announce("", &format!("rustc 1.{minor} is not in lint-rustc: warnings pass"));
        Self::Warnings
    }

    fn clippy(self, command: &mut Command) {
        if self == Self::Errors {
            command.args(["--", "-D", "warnings"]);
        }
    }

    fn rustdoc(self, command: &mut Command) {
        if self == Self::Errors {
            command.env("RUSTDOCFLAGS", "-D warnings");
        }
    }
}

/// Selects all features of the library.
const LIBRARY: [&str; 2] = ["--features", "vmalloc/allocator-api2,vmalloc/bench,vmalloc/sim"];

fn format(workspace: &Workspace) -> Command {
    let mut command = toolchain::host_cargo(workspace, "fmt");
    command.args(["--all", "--check"]);
    command
}

fn host_clippy(workspace: &Workspace, rigor: Rigor) -> Command {
    let mut command = toolchain::host_cargo(workspace, "clippy");
    // Without its features the tests and the benchmark of the library would be left out.
    command.args(["--workspace", "--all-targets"]).args(LIBRARY);
    rigor.clippy(&mut command);
    command
}

fn host_doc(workspace: &Workspace, rigor: Rigor) -> Command {
    let mut command = toolchain::host_cargo(workspace, "doc");
    command.args(["--workspace", "--no-deps"]).args(LIBRARY);
    rigor.rustdoc(&mut command);
    command
}

fn select(command: &mut Command, features: Option<&str>) {
    if let Some(features) = features {
        command.args(["--features", features]);
    }
}

fn run_one(command: &mut Command) -> anyhow::Result<()> {
    process::succeed(command).map(|_| ())
}

/// Runs a lint. Skips it if its program is not installed, as with rustup's minimal profile.
fn with(program: &str, command: &mut Command) -> anyhow::Result<()> {
    if process::ask(program, &["--version"]).is_none() {
        return Err(Skip("rustup component add rustfmt clippy").into());
    }
    run_one(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_selects_lints_by_name() {
        let mut lints = Lints { filter: "doc", tally: Tally::default() };
        lints.run("rustdoc host", || Ok(()));
        lints.run("clippy host", || anyhow::bail!("it was not selected"));
        assert_eq!(lints.tally.counts(), (1, 0, 0));
    }

    #[test]
    fn warnings_are_errors_for_known_compilers_only() {
        assert_eq!(Rigor::of(95, &[95, 96]), Rigor::Errors);
        assert_eq!(Rigor::of(97, &[95, 96]), Rigor::Warnings);
    }
}
