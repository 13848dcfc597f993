//! The test layer `package`: the library as a user gets it from a registry, outside of this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::libtest;
use super::tally::Tally;
use crate::process;
use crate::toolchain;
use crate::workspace::Workspace;

/// The folder of the builds. It stays, so that later runs are short.
const TARGET: &str = "target/package-test";

/// Packages the library, unpacks it in a folder of its own, and runs all of its tests there. They must be as
/// many as in the workspace.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Tally> {
    let parent = std::env::temp_dir().join(format!("vmalloc-package-{}", std::process::id()));
    let result = unpack(workspace, &parent).and_then(|folder| test(workspace, &folder));
    // The folder may not exist.
    let _ = std::fs::remove_dir_all(&parent);
    result
}

/// Packages the library, and returns the folder with the contents of the package.
fn unpack(workspace: &Workspace, parent: &Path) -> anyhow::Result<PathBuf> {
    let target = workspace.path(TARGET);
    let mut package = toolchain::host_cargo(workspace, "package");
    // The layer must run before a commit too.
    package.args(["-p", "vmalloc", "--no-verify", "--allow-dirty"]);
    process::succeed(package.arg("--target-dir").arg(&target))?;
    let names = std::fs::read_dir(target.join("package"))?.filter_map(Result::ok);
    let archive = names
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|name| name == "crate"))
        .context("cargo made no package")?;
    std::fs::create_dir_all(parent)?;
    process::succeed(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(parent))?;
    let folder = archive.file_stem().context("the package has no name")?;
    Ok(parent.join(folder))
}

fn test(workspace: &Workspace, folder: &Path) -> anyhow::Result<Tally> {
    let mut command = toolchain::host_cargo(workspace, "test");
    in_package(workspace, folder, command.arg("--no-fail-fast"));
    let run = process::capture(&mut command)?;
    let stdout = String::from_utf8_lossy(&run.stdout);
    let mut tally = libtest::parse(&stdout);
    if !run.status.success() {
        tally.transcript = String::from_utf8_lossy(&run.stderr).into_owned() + &stdout;
        if tally.failures.is_empty() {
            tally.failures.push(format!("the tests of the package: {}", run.status));
        }
        return Ok(tally);
    }
    tally.record("number of tests", same_number(workspace, &tally));
    tally.add(check_oldest(workspace, folder)?);
    Ok(tally)
}

/// Lets a call of cargo run in the package, with all features.
fn in_package(workspace: &Workspace, folder: &Path, command: &mut Command) {
    command.arg("--all-features").current_dir(folder);
    command.env("CARGO_TARGET_DIR", workspace.path(TARGET));
    // As in the workspace, whose profiles the package does not have.
    command.env("CARGO_PROFILE_TEST_OPT_LEVEL", "2");
}

/// Compiles everything in the package with the compiler of its `rust-version`.
///
/// If rustup does not have this compiler, the check is skipped.
///
/// # Errors
/// The manifest of the package has no `rust-version`.
fn check_oldest(workspace: &Workspace, folder: &Path) -> anyhow::Result<Tally> {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml"))?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.context("the package has no rust-version")?.trim_matches('"');
    if process::ask("rustup", &["run", version, "cargo", "--version"]).is_none() {
        return Ok(Tally::skip(format!("rust-version: rustc {version} is not installed")));
    }
    let mut check = Command::new("rustup");
    check.args(["run", version, "cargo", "check", "--all-targets"]);
    in_package(workspace, folder, &mut check);
    let mut tally = Tally::default();
    tally.record("rust-version", process::succeed(&mut check).map(|_| ()));
    Ok(tally)
}

/// Checks that the package has run as many tests as the workspace has.
fn same_number(workspace: &Workspace, packaged: &Tally) -> anyhow::Result<()> {
    let mut list = toolchain::host_cargo(workspace, "test");
    list.args(["-p", "vmalloc", "--all-features", "--", "--list"]);
    let output = process::succeed(&mut list)?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let listed = stdout.lines().filter(|line| line.ends_with(": test")).count();
    let (passed, failed, skipped) = packaged.counts();
    let run = passed + failed + skipped;
    ensure!(run == listed, "the package has {run} tests, the workspace {listed}");
    Ok(())
}
