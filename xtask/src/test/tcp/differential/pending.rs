//! The cases that differ until the image serves their commands: a list that may only shrink.
//!
//! A case that is not listed must agree. A listed case must differ in one protocol at least, or the
//! list is out of date, which is a failure too. Listed cases count neither as passed nor as skipped;
//! every run prints how many there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::process;

/// The list and the outcomes of its cases in this run.
pub(super) struct Pending {
    path: PathBuf,
    listed: BTreeSet<String>,
    failed: BTreeSet<String>,
    passed: BTreeSet<String>,
    whole: bool,
    shown: String,
}

impl Pending {
    /// Loads the list. With a filter the listed cases count as the others do, so that a failure shows
    /// the difference.
    pub(super) fn load(path: &Path, filter: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        Ok(Self {
            path: path.to_owned(),
            listed: text.lines().map(str::to_owned).collect(),
            failed: BTreeSet::new(),
            passed: BTreeSet::new(),
            whole: filter.is_empty(),
            shown: String::new(),
        })
    }

    /// Takes the outcome of a case in one protocol. Returns `None` where the case is listed.
    pub(super) fn judge(
        &mut self,
        name: &str,
        outcome: anyhow::Result<()>,
    ) -> Option<anyhow::Result<()>> {
        let outcomes = if outcome.is_err() { &mut self.failed } else { &mut self.passed };
        outcomes.insert(name.to_owned());
        if !self.whole || !self.listed.contains(name) {
            return Some(outcome);
        }
        if let Err(error) = outcome {
            self.shown.push_str(&format!("{name}: {error:#}\n"));
        }
        None
    }

    /// Prints the count and writes the differences below `target`; `UPDATE_PENDING` writes the list
    /// anew.
    ///
    /// # Errors
    /// A listed case agrees in every protocol, or a file cannot be written.
    pub(super) fn close(&self) -> anyhow::Result<()> {
        if !self.whole {
            return Ok(());
        }
        let shown = self.path.with_file_name("../../target/differential-pending.txt");
        std::fs::write(&shown, &self.shown)?;
        let what =
            format!("{} cases differ as listed in xtask/differential/pending", self.listed.len());
        process::announce("", &what);
        if std::env::var_os("UPDATE_PENDING").is_some() {
            let lines: String = self.failed.iter().map(|name| format!("{name}\n")).collect();
            std::fs::write(&self.path, lines)?;
        }
        let agree: Vec<_> = self.listed.difference(&self.failed).map(String::as_str).collect();
        ensure!(agree.is_empty(), "listed, but they agree: {}", agree.join("; "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn pending(listed: &[&str]) -> Pending {
        let folder = std::env::temp_dir().join(format!("pending-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        std::fs::create_dir_all(folder.join("target")).unwrap();
        let path = folder.join("a/b/pending");
        let text: String = listed.iter().map(|name| format!("{name}\n")).collect();
        std::fs::write(&path, text).unwrap();
        Pending::load(&path, "").unwrap()
    }

    #[test]
    fn the_list_may_only_shrink() {
        let mut list = pending(&["a", "b"]);
        assert!(list.judge("a", Err(anyhow!("differs"))).is_none());
        assert!(list.judge("b", Ok(())).is_none());
        assert!(list.judge("b", Err(anyhow!("differs in the other protocol"))).is_none());
        assert!(list.judge("c", Ok(())).unwrap().is_ok());
        assert!(list.judge("d", Err(anyhow!("differs"))).unwrap().is_err(), "it is not listed");
        list.close().unwrap();

        let mut list = pending(&["a", "b"]);
        assert!(list.judge("a", Err(anyhow!("differs"))).is_none());
        assert!(list.judge("b", Ok(())).is_none());
        let error = list.close().unwrap_err().to_string();
        assert!(error.ends_with("they agree: b"), "{error}");
    }
}
