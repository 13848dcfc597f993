//! The layers that are cargo's own tests on the host.

use std::process::Command;

use anyhow::Context;

use super::libtest;
use super::tally::Tally;
use crate::cli::LayerName;
use crate::workspace::Workspace;
use crate::{process, toolchain};

/// Arguments of `cargo test`, one run each.
const UNIT: &[&[&str]] = &[
    &["-p", "runtime-config", "-p", "vmalloc", "-p", "xtask", "--lib", "--bins"],
    &["-p", "app", "--lib"],
    &["-p", "runtime-config", "-p", "vmalloc", "-p", "app", "--doc"],
];
const MODEL: &[&[&str]] = &[&["-p", "vmalloc", "--test", "*"]];
const LOOPBACK: &[&[&str]] = &[&["-p", "app", "--test", "*"]];

/// Unit and documentation tests.
pub(super) fn unit(workspace: &Workspace) -> anyhow::Result<Tally> {
    run(workspace, UNIT)
}

/// The library on a simulated machine.
pub(super) fn model(workspace: &Workspace) -> anyhow::Result<Tally> {
    run(workspace, MODEL)
}

/// The service over a loopback network.
pub(super) fn loopback(workspace: &Workspace) -> anyhow::Result<Tally> {
    run(workspace, LOOPBACK)
}

/// Compiles the tests of a layer without running them.
pub(super) fn compile(workspace: &Workspace, layer: LayerName) -> anyhow::Result<()> {
    let runs = match layer {
        LayerName::Model => MODEL,
        LayerName::Loopback => LOOPBACK,
        _ => UNIT,
    };
    // Documentation tests cannot be compiled apart from their run.
    for arguments in runs.iter().filter(|arguments| !arguments.contains(&"--doc")) {
        let mut command = cargo_test(workspace, arguments);
        process::succeed(command.arg("--no-run")).context("the tests do not compile")?;
    }
    Ok(())
}

fn run(workspace: &Workspace, runs: &[&[&str]]) -> anyhow::Result<Tally> {
    let mut sum = Tally::default();
    for arguments in runs {
        sum.add(run_once(workspace, arguments)?);
    }
    Ok(sum)
}

fn run_once(workspace: &Workspace, arguments: &[&str]) -> anyhow::Result<Tally> {
    let mut command = cargo_test(workspace, arguments);
    let output = process::capture(&mut command)?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let mut tally = libtest::parse(&stdout);
    // A harness that was killed, or did not compile, has printed no summary with a failure.
    if !output.status.success() && libtest::failed(&stdout) == 0 {
        let what = format!("{}: {}", process::show(&command), output.status);
        tally.failures.push(what);
    }
    if !tally.failures.is_empty() && !process::is_verbose() {
        tally.transcript = String::from_utf8_lossy(&output.stderr).into_owned() + &stdout;
    }
    Ok(tally)
}

fn cargo_test(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = toolchain::host_cargo(workspace, "test");
    command.args(arguments).arg("--no-fail-fast");
    command
}
