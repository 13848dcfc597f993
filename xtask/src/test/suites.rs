//! The test layers that run cargo's own tests on the host.

use std::process::Command;

use anyhow::Context;

use super::libtest;
use super::tally::Tally;
use crate::cli::LayerName;
use crate::workspace::Workspace;
use crate::{process, toolchain};

/// The arguments of each run of `cargo test`.
const UNIT: &[&[&str]] = &[
    &["-p", "runtime-config", "-p", "vmalloc", "-p", "xtask", "--lib", "--bins", "--all-features"],
    &["-p", "app", "--lib"],
    &["-p", "runtime-config", "-p", "vmalloc", "--doc", "--all-features"],
    &["-p", "app", "--doc"],
];
const MODEL: &[&[&str]] = &[&["-p", "vmalloc", "--all-features", "--test", "*"]];
const LOOPBACK: &[&[&str]] = &[&["-p", "app", "--test", "*"]];

/// Runs the unit and documentation tests whose names contain `filter`.
pub(super) fn unit(workspace: &Workspace, filter: &str) -> anyhow::Result<Tally> {
    run(workspace, UNIT, filter)
}

/// Runs the tests of the library on a simulated machine. `filter` may be `FILE::PART` to run only some of
/// them.
pub(super) fn model(workspace: &Workspace, filter: &str) -> anyhow::Result<Tally> {
    match filter.split_once("::") {
        Some((file, part)) => {
            run_once(workspace, &["-p", "vmalloc", "--all-features", "--test", file], part)
        }
        None => run(workspace, MODEL, filter),
    }
}

/// Runs tests of the library's lock-free parts under the loom model checker, which needs a build of its own.
pub(super) fn loom(workspace: &Workspace, filter: &str) -> anyhow::Result<Tally> {
    // A second filter would select additional tests, so only one is passed.
    let part = if filter.is_empty() { "loom" } else { filter };
    tally_of(loom_test(workspace).args(["--", part]))
}

/// Runs the tests of the service over a loopback network.
pub(super) fn loopback(workspace: &Workspace) -> anyhow::Result<Tally> {
    run(workspace, LOOPBACK, "")
}

/// Compiles the tests of a layer without running them.
pub(super) fn compile(workspace: &Workspace, layer: LayerName, filter: &str) -> anyhow::Result<()> {
    if layer == LayerName::Loom {
        process::succeed(loom_test(workspace).arg("--no-run"))?;
        return Ok(());
    }
    let file = filter
        .split_once("::")
        .map(|(file, _)| ["-p", "vmalloc", "--all-features", "--test", file]);
    let one = file.as_ref().map(|arguments| [&arguments[..]]);
    let runs: &[&[&str]] = match layer {
        LayerName::Model if one.is_some() => one.as_ref().map_or(MODEL, |one| one),
        LayerName::Model => MODEL,
        LayerName::Loopback => LOOPBACK,
        _ => UNIT,
    };
    // Documentation tests cannot be compiled without running them.
    for arguments in runs.iter().filter(|arguments| !arguments.contains(&"--doc")) {
        let mut command = cargo_test(workspace, arguments);
        process::succeed(command.arg("--no-run")).context("the tests do not compile")?;
    }
    Ok(())
}

fn run(workspace: &Workspace, runs: &[&[&str]], filter: &str) -> anyhow::Result<Tally> {
    let mut sum = Tally::default();
    for arguments in runs {
        sum.add(run_once(workspace, arguments, filter)?);
    }
    Ok(sum)
}

fn run_once(workspace: &Workspace, arguments: &[&str], filter: &str) -> anyhow::Result<Tally> {
    tally_of(cargo_test(workspace, arguments).args(["--", filter]))
}

fn tally_of(command: &mut Command) -> anyhow::Result<Tally> {
    let output = process::capture(command)?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let mut tally = libtest::parse(&stdout);
    // A harness that was killed or did not compile has printed no summary, so its failure is added here.
    if !output.status.success() && libtest::failed(&stdout) == 0 {
        let what = format!("{}: {}", process::show(command), output.status);
        tally.failures.push(what);
    }
    if !tally.failures.is_empty() && !process::is_verbose() {
        tally.transcript = String::from_utf8_lossy(&output.stderr).into_owned() + &stdout;
    }
    Ok(tally)
}

fn loom_test(workspace: &Workspace) -> Command {
    let mut command =
        cargo_test(workspace, &["-p", "vmalloc", "--lib", "--release", "--all-features"]);
    command.env("RUSTFLAGS", "--cfg loom");
    command.env("CARGO_TARGET_DIR", workspace.path("target/loom"));
    command
}

fn cargo_test(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = toolchain::host_cargo(workspace, "test");
    command.args(arguments).arg("--no-fail-fast");
    command
}
