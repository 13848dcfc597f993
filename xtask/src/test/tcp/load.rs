//! `cargo xtask load` against an image of its own.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::process;
use crate::workspace::Workspace;

/// Build, boot, a load of five seconds, and what a busy host adds.
const LIMIT: Duration = Duration::from_secs(240);

/// Every byte is checked, and nothing is wrong.
pub(super) fn verified(_workspace: &Workspace) -> anyhow::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["load", "--verify", "--duration", "5", "--clients", "40", "--pipeline", "4"]);
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
