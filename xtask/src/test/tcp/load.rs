//! Runs `cargo xtask load` against an image that the command starts.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::tool::Tool;
use crate::process;

/// Maximum time of the build, the boot and the load on a busy host.
const LIMIT: Duration = Duration::from_secs(240);
/// Duration of a load that is one of many tests, in seconds.
const SHORT: u32 = 5;
/// Duration of a longer load, in seconds.
pub(super) const LONGER: u32 = 20;

/// Runs a load in which every byte is checked. It must find no violation.
pub(super) fn verified(tool: &Tool<'_>) -> anyhow::Result<()> {
    verified_for(tool, SHORT)
}

/// Does the same as [`verified`], for `seconds` seconds.
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
