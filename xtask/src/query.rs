//! `cargo xtask query`: one command to a running guest.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::QueryOptions;
use crate::instance;
use crate::resp::Client;
use crate::workspace::Workspace;

/// Runs the verb; an error reply is printed and ends with code 1.
pub(crate) fn query(workspace: &Workspace, options: &QueryOptions) -> anyhow::Result<ExitCode> {
    let ports = instance::expect_live(workspace, &options.name)?;
    let words: Vec<_> = options.command.iter().map(|word| word.as_bytes()).collect();
    let mut client =
        Client::connect(ports.resp).with_context(|| format!("cannot connect to {}", ports.resp))?;
    let reply = client.call(&words).context("no reply")?;
    let text = if options.raw { reply.raw() } else { reply.terminal().into_bytes() };
    std::io::stdout().write_all(&text)?;
    Ok(if reply.is_error() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
