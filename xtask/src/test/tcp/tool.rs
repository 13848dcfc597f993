//! Runs the tool as a child process, for guests on the runtime under test.

use std::process::{Command, Output};
use std::time::Duration;

use crate::process;
use crate::runtime::Runtime;
use crate::workspace::Workspace;

/// Maximum time of a call, which may include a build and a boot.
pub(super) const LIMIT: Duration = Duration::from_secs(180);

/// The tool in the checkout under test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool<'a> {
    /// The checkout.
    pub(super) workspace: &'a Workspace,
    runtime: Runtime,
}

impl<'a> Tool<'a> {
    /// Creates the value for guests on `runtime`.
    pub(super) fn new(workspace: &'a Workspace, runtime: Runtime) -> Self {
        Self { workspace, runtime }
    }

    /// Returns a call of the tool with `words`. Actions that start a guest also get the option `--runtime`.
    pub(super) fn command(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words);
        if matches!(words.first(), Some(&("run" | "load"))) {
            command.args(["--runtime", self.runtime.name()]);
        }
        Ok(command)
    }

    /// Runs such a call. Returns its output for any exit code.
    pub(super) fn call(&self, words: &[&str]) -> anyhow::Result<Output> {
        process::capture_within(&mut self.command(words)?, LIMIT)
    }
}
