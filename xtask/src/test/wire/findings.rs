//! The judgments of a case. Each judgment is printed, and the case fails if any of them is a fault.

use std::fmt::Display;

use crate::process;

/// The judgments of a case.
#[derive(Debug, Default)]
pub(super) struct Findings {
    faults: Vec<String>,
    count: usize,
}

impl Findings {
    /// Prints a judgment with its evidence. Stores the judgment if it is a fault.
    pub(super) fn judge(&mut self, claim: &str, is_right: bool, seen: impl Display) {
        let word = if is_right { "right" } else { "FAULT" };
        process::announce(word, &format!("{claim}: {seen}"));
        self.count += 1;
        if !is_right {
            self.faults.push(format!("{claim}: {seen}"));
        }
    }

    /// Judges the outcome of some work. An error is a fault.
    pub(super) fn expect(&mut self, claim: &str, outcome: anyhow::Result<impl Display>) {
        match outcome {
            Ok(seen) => self.judge(claim, true, seen),
            Err(error) => self.judge(claim, false, format!("{error:#}")),
        }
    }

    /// Prints a measured value that is not judged.
    pub(super) fn note(text: &str) {
        process::announce("", text);
    }

    /// Fails if any judgment is a fault, or if no judgment was made.
    pub(super) fn conclude(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.count > 0, "no judgment was made");
        let (faults, count) = (self.faults.len(), self.count);
        anyhow::ensure!(
            faults == 0,
            "{faults} of {count} wrong\n      {}",
            self.faults.join("\n      ")
        );
        Ok(())
    }
}
