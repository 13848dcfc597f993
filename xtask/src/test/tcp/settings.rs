//! Boots the image with the smallest values of every number on the kernel command line. The image must serve
//! with each.

use anyhow::{Context, ensure};
use runtime_config::cmdline::KEYS;
use runtime_config::cmdline::keys::Kind;

use super::tool::Tool;
use crate::instance;
use crate::resp::{Client, Reply};
use crate::workspace::Workspace;

const NAME: &str = "test-settings";

/// Boots an image for each of these values.
pub(super) fn run(tool: &Tool<'_>) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for key in KEYS {
        let Kind::Number { or_zero, min, .. } = key.kind else { continue };
        let zero = or_zero.then_some(0);
        let one = (min == 0).then_some(1);
        lines.extend([Some(min), zero, one].into_iter().flatten().map(|n| (key.name, n)));
    }
    ensure!(lines.len() >= 16, "{} settings", lines.len());
    for (name, value) in lines {
        let line = format!("{name}={value}");
        serve(tool, &line).with_context(|| line)?;
    }
    let refused = tool.call(&["run", "--dry-run", "--append", "regions=1"])?;
    let message = String::from_utf8_lossy(&refused.stderr);
    ensure!(!refused.status.success(), "regions=1 is accepted");
    ensure!(message.contains("regions=1 is neither 0 nor at least 1024"), "{message}");
    Ok(())
}

fn serve(tool: &Tool<'_>, line: &str) -> anyhow::Result<()> {
    let run = ["run", "--detach", "--name", NAME, "--port", "0", "--append", line];
    let output = tool.call(&run)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome = answer(tool.workspace, line);
    let stopped = tool.call(&["stop", "--name", NAME])?;
    outcome?;
    ensure!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    Ok(())
}

fn answer(workspace: &Workspace, line: &str) -> anyhow::Result<()> {
    let ports = instance::expect_live(workspace, NAME)?;
    let mut client = Client::connect(ports.resp).context("cannot connect")?;
    for (words, refused_by) in [
        (&["PING"][..], ""),
        (&["SET", "k", "v"], "quota.named=1"),
        (&["VMALLOC", "4096"], "quota.bytes=1"),
        (&["VCHECK"], ""),
    ] {
        let reply = client.call(words)?;
        ensure!(reply.is_error() == (line == refused_by), "{words:?} answers {reply:?}");
        // The error of a refused command must contain the reason.
        if let Reply::Error(text) = reply {
            ensure!(text.starts_with("OOM ") || text.starts_with("QUOTA bytes "), "{text}");
        }
    }
    Ok(())
}
