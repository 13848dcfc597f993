//! TEMPORARY: the cases that wait for work that is under way. This file and the list go with the last.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::process;
use crate::test::tally::Skip;

/// The list and what a run has found about it.
pub(super) struct Pending {
    path: PathBuf,
    listed: BTreeSet<String>,
    failed: BTreeSet<String>,
    passed: BTreeSet<String>,
    whole: bool,
    shown: String,
}

impl Pending {
    /// Loads the list. With a filter the listed cases fail as others do, so that they show how.
    pub(super) fn load(path: &Path, filter: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            listed: text.lines().map(str::to_owned).collect(),
            failed: BTreeSet::new(),
            passed: BTreeSet::new(),
            whole: filter.is_empty(),
            shown: String::new(),
        })
    }

    /// Takes a listed failure for a skip.
    pub(super) fn judge(&mut self, name: &str, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        let listed = self.listed.contains(name);
        if outcome.is_err() {
            self.failed.insert(name.to_owned());
        } else if listed {
            self.passed.insert(name.to_owned());
        }
        match outcome {
            Err(error) if listed && self.whole => {
                self.shown.push_str(&format!("    FAILED  differential: {name} []: {error:#}\n"));
                Err(Skip("pending").into())
            }
            other => other,
        }
    }

    /// Prints the counts; `UPDATE_PENDING` writes the list anew.
    pub(super) fn report(&self) -> anyhow::Result<()> {
        let done: Vec<_> = self.passed.difference(&self.failed).collect();
        let what = format!("{} pending, {} of them pass now", self.listed.len(), done.len());
        process::announce("", &what);
        let shown = self.path.with_file_name("../../target/differential-pending.txt");
        std::fs::write(shown, &self.shown)?;
        if std::env::var_os("UPDATE_PENDING").is_some() && self.whole {
            let lines: String = self.failed.iter().map(|name| format!("{name}\n")).collect();
            std::fs::write(&self.path, lines)?;
        }
        Ok(())
    }
}
