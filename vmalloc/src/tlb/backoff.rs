//! Delays the shootdowns of frees after one that has failed.

use crate::machine::CpuSet;

/// The number of frees that attempt no shootdown after the first one that has failed. It doubles
/// with each further failure.
const FREES_SKIPPED: u64 = 64;

/// The highest number of doublings. A window has too few slots for more.
const DOUBLINGS_MAX: u32 = 32;

/// The last shootdown, if it has failed, and the number of frees that attempt no further one.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failed: Option<FailedShootdown>,
    failures: u32,
    skips: u64,
}

/// A shootdown that some CPUs did not acknowledge in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailedShootdown {
    /// The CPUs that did not acknowledge.
    pub(super) cpus: CpuSet,
    pub(super) generation: u64,
    /// Whether halted CPUs had to acknowledge too.
    pub(super) everyone: bool,
}

impl Backoff {
    /// Returns the last shootdown, if it has failed.
    pub(super) fn failed(&self) -> Option<FailedShootdown> {
        self.failed
    }

    /// Records that a shootdown has failed.
    pub(super) fn fail(&mut self, failed: FailedShootdown) {
        self.skips = FREES_SKIPPED << self.failures.min(DOUBLINGS_MAX);
        self.failures += 1;
        self.failed = Some(failed);
    }

    /// Records that a shootdown is complete, or that the overdue CPUs have answered.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// Counts a free. Returns whether it attempts no shootdown.
    pub(super) fn skips(&mut self) -> bool {
        let skips = self.skips > 0;
        self.skips = self.skips.saturating_sub(1);
        skips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_skipped_frees_doubles_with_each_failure() {
        let failed = FailedShootdown { cpus: CpuSet::EMPTY, generation: 1, everyone: false };
        let mut backoff = Backoff::default();
        assert!(!backoff.skips());
        for skipped in [64, 128, 256] {
            backoff.fail(failed);
            assert_eq!((0..).take_while(|_: &u64| backoff.skips()).count(), skipped);
        }
        for _ in 0..100 {
            backoff.fail(failed);
        }
        backoff.end();
        assert!(!backoff.skips() && backoff.failed().is_none());
    }
}
