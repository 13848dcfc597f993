//! Parses the result of a workload from the reply of `VBENCH`.

use crate::bench::image;

/// The workload that is expected to fail, because it requests alignments that no window has.
pub(super) const MUST_FAIL: &str = "align_shift_alloc_test";

/// The result of one workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct WorkloadResult {
    pub(super) name: String,
    pub(super) passed: bool,
    pub(super) scale: f64,
    /// The mean duration of one loop on each CPU, in nanoseconds.
    pub(super) ns: f64,
    pub(super) cpus: u32,
    /// The text after `Effect:` in the reply.
    pub(super) effect: String,
}

impl WorkloadResult {
    /// Returns whether the workload had its expected result.
    pub(super) fn is_good(&self) -> bool {
        self.passed != (self.name == MUST_FAIL)
    }

    /// Describes the result in words.
    pub(super) fn verdict(&self) -> &'static str {
        match (self.passed, self.is_good()) {
            (true, true) => "passed",
            (false, true) => "failed, as it must",
            (true, false) => "passed, and must not",
            (false, false) => "failed",
        }
    }
}

/// Parses a reply of `VBENCH`, which has a line `Summary:` for each CPU and one line `Effect:` per workload.
pub(super) fn parse(text: &str) -> Vec<WorkloadResult> {
    let mut lines = Vec::new();
    let mut line = WorkloadResult { passed: true, ..WorkloadResult::default() };
    for row in text.lines() {
        if let Some(summary) = row.strip_prefix("Summary: ") {
            line.name = summary.split(' ').next().unwrap_or_default().to_owned();
            line.passed &= summary.contains(" passed: 1 ");
            line.scale = image::word(summary, "scale:").unwrap_or_default();
            line.ns += image::word(summary, "ns:").unwrap_or_default();
            line.cpus += 1;
        } else if let Some(effect) = row.strip_prefix("Effect: ") {
            line.ns /= f64::from(line.cpus.max(1));
            line.effect = effect.to_owned();
            lines.push(std::mem::replace(
                &mut line,
                WorkloadResult { passed: true, ..WorkloadResult::default() },
            ));
        }
    }
    lines
}

#[cfg(test)]
impl WorkloadResult {
    /// Creates the result of one CPU, for tests.
    pub(super) fn named(name: &str, passed: bool, ns: f64) -> Self {
        Self { name: name.to_owned(), passed, ns, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read() {
        let text = "Summary: a passed: 1 failed: 0 loops: 2 ns: 10 scale: 100\n\
                    Summary: a passed: 1 failed: 0 loops: 2 ns: 30 scale: 100\n\
                    Effect: purges: 3\n\
                    Summary: b passed: 0 failed: 1 loops: 2 ns: 5 scale: 25\nEffect: purges: 0\n";
        let lines = parse(text);
        assert_eq!((lines[0].ns, lines[0].cpus, lines[0].passed), (20.0, 2, true));
        assert_eq!((lines[1].name.as_str(), lines[1].passed, lines[1].scale), ("b", false, 25.0));
        assert_eq!(lines[0].effect, "purges: 3");
    }
}
