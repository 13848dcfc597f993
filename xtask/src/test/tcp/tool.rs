//! The tool itself as a child process, on the runtime under test.

use std::process::{Command, Output};
use std::time::Duration;

use crate::process;
use crate::runtime::Runtime;
use crate::workspace::Workspace;

/// Longest call: a build and a boot.
pub(super) const LIMIT: Duration = Duration::from_secs(180);

/// The tool of the checkout under test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool<'a> {
    /// The checkout.
    pub(super) workspace: &'a Workspace,
    runtime: Runtime,
}

impl<'a> Tool<'a> {
    /// Makes the tool for guests on this runtime.
    pub(super) fn new(workspace: &'a Workspace, runtime: Runtime) -> Self {
        Self { workspace, runtime }
    }

    /// Makes a call with these words. The verbs that start a guest get the runtime.
    pub(super) fn command(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words);
        if matches!(words.first(), Some(&("run" | "load"))) {
            command.args(["--runtime", self.runtime.name()]);
        }
        Ok(command)
    }

    /// Makes such a call and returns its output for any exit code.
    pub(super) fn call(&self, words: &[&str]) -> anyhow::Result<Output> {
        process::capture_within(&mut self.command(words)?, LIMIT)
    }
}
