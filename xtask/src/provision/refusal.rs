//! Records the steps that provisioning has tried, and lists them in an error.

use crate::exit::{self, Cause};

/// The steps that were tried, each with its outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried(Vec<String>);

impl Tried {
    /// Adds a step and its failure.
    pub(crate) fn add(&mut self, step: &str, outcome: &str) {
        self.0.push(format!("{step}: {outcome}"));
    }

    /// Returns the error with the reason, the steps that were tried, and the commands for the user.
    pub(crate) fn refusal(&self, why: &str, commands: &[String]) -> anyhow::Error {
        let mut message = why.to_owned();
        let mut list = |title: &str, lines: &[String]| {
            if !lines.is_empty() {
                message += &format!("\n  {title}:\n    {}", lines.join("\n    "));
            }
        };
        list("tried", &self.0);
        list(if commands.len() > 1 { "run one of these" } else { "run" }, commands);
        exit::failure(Cause::Missing, message)
    }
}

/// Maximum number of error lines of a program that a message repeats.
const LINES_MAX: usize = 3;

/// Returns the error lines in the output of a package manager, or its last line if no line is marked as an
/// error.
pub(super) fn errors_in(text: &str) -> String {
    let marked: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("E: ")).collect();
    let last = || text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match marked.len() {
        0 => last().trim().to_owned(),
        count if count > LINES_MAX => {
            format!("{} (and {} more)", marked[..LINES_MAX].join("; "), count - LINES_MAX)
        }
        _ => marked.join("; "),
    }
}
