//! Statistics of each command: its number of calls, their results and durations.
//!
//! The statistics are in the order of the command table, followed by those of unknown commands.
//! Reading the clock for every request would cost more time than many requests take, so only one
//! call in [`TIMED_EVERY`] of each command is timed. The duration is that of the call itself. If an
//! AP or later turns continue the work, that part is not measured.

use alloc::vec;
use alloc::vec::Vec;

/// One call of each command is timed out of this number of calls.
const TIMED_EVERY: u64 = 16;

/// Upper bounds of the duration classes, in microseconds. A further class has no upper bound.
pub const BOUNDS_US: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 10_000];

/// The statistics of one command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandStats {
    /// Calls that were begun.
    pub calls: u64,
    /// Begun calls that ended with an error.
    pub failed: u64,
    /// Calls that were refused before they began.
    pub rejected: u64,
    /// The number of timed calls in each duration class.
    pub classes: [u64; BOUNDS_US.len() + 1],
    /// The total duration of timed calls, in microseconds.
    pub timed_us: u64,
}

impl CommandStats {
    /// Returns how many calls ended without an error.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.calls.saturating_sub(self.failed)
    }

    /// Returns how many calls were timed.
    #[must_use]
    pub fn timed(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// Returns how many calls ended with an error, including refused ones.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.failed + self.rejected
    }

    fn time(&mut self, us: u64) {
        let class = BOUNDS_US.iter().position(|bound| us <= *bound);
        self.classes[class.unwrap_or(BOUNDS_US.len())] += 1;
        self.timed_us += us;
    }

    fn count(&mut self, is_failed: bool) {
        self.calls += 1;
        self.failed += u64::from(is_failed);
    }
}

/// The statistics of all commands.
#[derive(Debug)]
pub(in crate::service) struct CallStats {
    list: Vec<CommandStats>,
}

impl CallStats {
    /// Creates statistics for `commands` commands, and for unknown ones.
    pub(in crate::service) fn new(commands: usize) -> Self {
        Self { list: vec![CommandStats::default(); commands + 1] }
    }

    /// Resets all counts to 0.
    pub(in crate::service) fn reset(&mut self) {
        self.list.fill(CommandStats::default());
    }

    fn at(&mut self, number: usize) -> &mut CommandStats {
        let last = self.list.len() - 1;
        &mut self.list[number.min(last)]
    }
}

impl CallStats {
    /// Returns the statistics of each command, then those of unknown commands.
    pub(in crate::service) fn iter(&self) -> impl Iterator<Item = &CommandStats> {
        self.list.iter()
    }

    /// Counts a call that was refused before it began.
    pub(in crate::service) fn reject(&mut self, number: usize) {
        self.at(number).rejected += 1;
    }

    /// Counts a call that is about to be served. Returns whether the call must be timed. The
    /// function must be short, because a whole `PING` takes only 1 µs.
    #[inline]
    pub(in crate::service) fn begin(&mut self, number: usize) -> bool {
        let stats = self.at(number);
        stats.calls += 1;
        // The first call is timed, so every command that was called has a measured duration.
        stats.calls % TIMED_EVERY == 1
    }

    /// Subtracts a call that was counted, because its request will be retried.
    pub(in crate::service) fn take_back(&mut self, number: usize) {
        self.at(number).calls -= 1;
    }

    /// Counts a begun call as failed.
    #[cold]
    pub(in crate::service) fn fail(&mut self, number: usize) {
        self.at(number).failed += 1;
    }

    /// Adds the duration of a timed call, in microseconds.
    pub(in crate::service) fn time(&mut self, number: usize, us: u64) {
        self.at(number).time(us);
    }

    /// Counts an upload. Uploads are counted here because no handler of the command table serves
    /// them.
    pub(in crate::service) fn count(&mut self, number: usize, is_failed: bool) {
        self.at(number).count(is_failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_class_that_holds_it() {
        let mut stats = CommandStats::default();
        for us in [0, 1, 2, 3, 10_000, 10_001, u64::MAX >> 1] {
            stats.time(us);
        }
        assert_eq!(stats.classes, [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(stats.timed(), 7);
    }

    #[test]
    fn what_is_behind_the_table_is_no_command() {
        let mut stats = CallStats::new(3);
        stats.at(2).count(false);
        stats.at(3).count(true);
        stats.at(4).count(true);
        let counts: Vec<_> =
            stats.list.iter().map(|stats| (stats.served(), stats.failed)).collect();
        assert_eq!(counts, [(0, 0), (0, 0), (1, 0), (0, 2)]);
    }
}
