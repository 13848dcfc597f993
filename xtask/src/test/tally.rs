//! The results of a test layer.

/// The number of passed tests, and the names of the failed and skipped tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: usize,
    /// Names of the failed tests, with reasons.
    pub(crate) failures: Vec<String>,
    /// Names of the skipped tests, with reasons.
    pub(crate) skips: Vec<String>,
    /// The output of failed tests that was not shown yet.
    pub(crate) transcript: String,
}

impl Tally {
    /// Creates results with one failed test.
    pub(crate) fn failure(what: String) -> Self {
        Self { failures: vec![what], ..Self::default() }
    }

    /// Creates results with one skipped test.
    pub(crate) fn skip(what: String) -> Self {
        Self { skips: vec![what], ..Self::default() }
    }

    /// Returns the numbers of passed, failed and skipped tests.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.passed, self.failures.len(), self.skips.len())
    }

    /// Returns whether there is no passed, failed or skipped test.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts() == (0, 0, 0)
    }

    /// Adds the results of another layer or test.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
        self.skips.extend(other.skips);
        self.transcript.push_str(&other.transcript);
    }

    /// Adds the result of one test.
    pub(crate) fn record(&mut self, name: &str, outcome: anyhow::Result<()>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(error) if error.is::<Skip>() => self.skips.push(format!("{name}: {error}")),
            Err(error) => self.failures.push(format!("{name}: {error:#}")),
        }
    }
}

/// The error of a test that cannot run on this machine, and so is skipped.
#[derive(Debug)]
pub(crate) struct Skip(pub(crate) &'static str);

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Skip {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_distinguished() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        tally.record("a", Ok(()));
        tally.record("b", Err(anyhow::anyhow!("no")));
        tally.record("c", Err(Skip("no redis-cli").into()));
        tally.add(Tally::failure("d".to_owned()));
        assert_eq!(tally.counts(), (1, 2, 1));
        assert_eq!(tally.failures, ["b: no", "d"]);
        assert_eq!(tally.skips, ["c: no redis-cli"]);
    }
}
