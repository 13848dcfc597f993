//! `cargo xtask load` against an image of its own.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::tool::Tool;
use crate::process;

/// Time limit of the build, the boot and the load on a busy host.
const LIMIT: Duration = Duration::from_secs(240);
/// Seconds of a load as one test of many.
const SHORT: u32 = 5;
/// Seconds of a longer load.
pub(super) const LONGER: u32 = 20;

/// Every byte is checked, without a violation.
pub(super) fn verified(tool: &Tool<'_>) -> anyhow::Result<()> {
    verified_for(tool, SHORT)
}

/// As [`verified`], for a number of seconds.
pub(super) fn verified_for(tool: &Tool<'_>, seconds: u32) -> anyhow::Result<()> {
    let seconds = seconds.to_string();
    let load = ["load", "--verify", "--duration", &seconds, "--clients", "40", "--pipeline", "4"];
    let mut command = tool.command(&load)?;
    command.args(["--smp", "2", "--accel", "tcg"]);
    let output = process::capture_within(&mut command, LIMIT)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "load: {}\n{text}{error}", output.status);
    let line = text.lines().find(|line| line.starts_with("verified: "));
    let line = line.with_context(|| format!("no byte was verified:\n{text}"))?;
    ensure!(!line.starts_with("verified: 0 "), "{line}");
    Ok(())
}
