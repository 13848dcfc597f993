//! Counts the replies, latencies, errors and violations of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::answer;
use super::request::RequestKind;
use super::violation::Violation;

/// Maximum number of violations that are stored for the report. All violations are counted.
const SHOWN: usize = 10;
/// The maximum latency that is stored exactly: ten minutes, in microseconds. The next constant is the number
/// of significant digits.
const LATENCY_US_MAX: u64 = 600_000_000;
const DIGITS: u8 = 3;

/// The counts of one kind of request.
#[derive(Debug)]
pub(super) struct RequestStats {
    /// Number of replies.
    pub(super) count: u64,
    /// Number of error replies.
    pub(super) errors: u64,
    /// The time from the request to its reply, in microseconds.
    pub(super) latency: Histogram<u64>,
}

/// The counts of all kinds, and the violations.
#[derive(Debug)]
pub(super) struct LoadStats {
    figures: BTreeMap<RequestKind, RequestStats>,
    errors: BTreeMap<String, u64>,
    violations: Vec<Violation>,
    violation_count: u64,
    /// Bytes of regions that were compared with their expected content.
    pub(super) bytes_checked: u64,
    /// Number of regions whose addresses were compared with those of all other live regions.
    pub(super) ranges_checked: u64,
}

impl RequestStats {
    fn new() -> Self {
        // The bounds are constants that the histogram accepts.
        let latency = Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS);
        Self { count: 0, errors: 0, latency: latency.expect("a histogram up to ten minutes") }
    }
}

impl LoadStats {
    /// Creates counts of 0.
    pub(super) fn new() -> Self {
        Self {
            figures: BTreeMap::new(),
            errors: BTreeMap::new(),
            violations: Vec::new(),
            violation_count: 0,
            bytes_checked: 0,
            ranges_checked: 0,
        }
    }

    /// Counts a reply that arrived in time.
    pub(super) fn reply(&mut self, kind: RequestKind, latency: Duration, error: Option<&str>) {
        let figures = self.figures.entry(kind).or_insert_with(RequestStats::new);
        figures.count += 1;
        figures.latency.saturating_record(latency.as_micros().try_into().unwrap_or(u64::MAX));
        if let Some(error) = error {
            figures.errors += 1;
            *self.errors.entry(answer::word(error).to_owned()).or_default() += 1;
        }
    }

    /// Counts a violation.
    pub(super) fn violate(&mut self, violation: Violation) {
        self.violation_count += 1;
        if self.violations.len() < SHOWN {
            self.violations.push(violation);
        }
    }

    /// Iterates over the kinds of requests that were sent, in the order of reports.
    pub(super) fn figures(&self) -> impl Iterator<Item = (RequestKind, &RequestStats)> {
        RequestKind::ALL.into_iter().filter_map(|kind| Some((kind, self.figures.get(&kind)?)))
    }

    /// Returns the sum of the counts of all kinds.
    pub(super) fn all(&self) -> RequestStats {
        let mut all = RequestStats::new();
        for figures in self.figures.values() {
            all.count += figures.count;
            all.errors += figures.errors;
            // All histograms have the same bounds, so the addition succeeds.
            let added = all.latency.add(&figures.latency);
            added.expect("histograms of the same bounds");
        }
        all
    }

    /// Returns the number of replies.
    pub(super) fn replies(&self) -> u64 {
        self.figures.values().map(|figures| figures.count).sum()
    }

    /// Returns the number of errors for each code (the first word of an error).
    pub(super) fn errors(&self) -> &BTreeMap<String, u64> {
        &self.errors
    }

    /// Returns the number of violations.
    pub(super) fn violation_count(&self) -> u64 {
        self.violation_count
    }

    /// Returns the violations that were stored, which are the first ones.
    pub(super) fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_their_first_word() {
        let mut stats = LoadStats::new();
        for error in [None, Some("NOMEM need 4"), Some("NOMEM need 5"), Some("QUOTA")] {
            stats.reply(RequestKind::Allocate, Duration::from_micros(10), error);
        }
        stats.reply(RequestKind::Free, Duration::from_micros(1000), None);
        let counts = [("NOMEM".to_owned(), 2), ("QUOTA".to_owned(), 1)];
        assert_eq!(*stats.errors(), BTreeMap::from(counts));
        assert_eq!((stats.replies(), stats.all().count, stats.all().errors), (5, 5, 3));
        assert_eq!(stats.all().latency.value_at_quantile(0.5), 10);
        assert_eq!(stats.all().latency.max(), 1000);
        let kinds: Vec<_> = stats.figures().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [RequestKind::Allocate, RequestKind::Free]);
    }

    #[test]
    fn all_violations_are_counted_and_the_first_kept() {
        let mut stats = LoadStats::new();
        for number in 0..100 {
            stats.violate(Violation::Audit(number.to_string()));
        }
        assert_eq!((stats.violation_count(), stats.violations().len()), (100, SHOWN));
        assert_eq!(stats.violations()[0], Violation::Audit("0".to_owned()));
    }
}
