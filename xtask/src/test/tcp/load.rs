//! `cargo xtask load` against an image of its own.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::tool::Tool;
use crate::process;

/// Build, boot, the load, and what a busy host adds.
const LIMIT: Duration = Duration::from_secs(240);
/// Seconds of a load among other tests.
const SHORT: u32 = 5;
/// Seconds of a load of its own.
pub(super) const LONGER: u32 = 20;

/// Every byte is checked, and nothing is wrong.
pub(super) fn verified(tool: &Tool<'_>) -> anyhow::Result<()> {
    verified_for(tool, SHORT)
}

/// The same for some seconds.
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
    let line = line.with_context(|| format!("nothing was verified:\n{text}"))?;
    ensure!(!line.starts_with("verified: 0 "), "{line}");
    Ok(())
}
