//! What is counted of each command: how often, how it ended, how long it took.
//!
//! A tally stands at the place of its command in the table; behind them is one for what is no
//! command. Reading the clock for every request would cost more than many requests do, so of each
//! command one call in [`TIMED_EVERY`] is timed. A time is that of the call itself: of work that another CPU or later
//! turns do it is the beginning.

use alloc::vec;
use alloc::vec::Vec;

use vmalloc::Machine;

use super::Service;
use super::session::Session;
use super::table::Commands;

/// One call in so many of a command is timed.
const TIMED_EVERY: u64 = 16;

/// Upper bounds of the classes of times, in microseconds; a last class has none.
pub const BOUNDS_US: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 10_000];

/// What is counted of one command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that were begun.
    pub calls: u64,
    /// Those of them that were answered with an error.
    pub failed: u64,
    /// Calls that were refused before they were begun.
    pub rejected: u64,
    /// Timed calls by class.
    pub classes: [u64; BOUNDS_US.len() + 1],
    /// How long those took together, in microseconds.
    pub timed_us: u64,
}

impl Tally {
    /// Calls that were answered with anything else.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.calls.saturating_sub(self.failed)
    }

    /// How many calls were timed.
    #[must_use]
    pub fn timed(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// Calls that ended with an error, begun or not.
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

/// Tallies of all commands.
#[derive(Debug)]
pub(super) struct Tallies {
    list: Vec<Tally>,
}

impl Tallies {
    /// Begins to count so many commands, and what is none.
    pub(super) fn new(commands: usize) -> Self {
        Self { list: vec![Tally::default(); commands + 1] }
    }

    /// Counts everything from 0 again.
    pub(super) fn reset(&mut self) {
        self.list.fill(Tally::default());
    }

    fn at(&mut self, number: usize) -> &mut Tally {
        let last = self.list.len() - 1;
        &mut self.list[number.min(last)]
    }
}

impl<M: Machine> Service<M> {
    /// Every command's name and what was counted of it, then what was no command.
    pub fn tallies(&self) -> impl Iterator<Item = (&'static str, &Tally)> {
        let names = Commands::<M>::all().map(|command| command.name);
        names.chain(["unknown"]).zip(&self.tallies.list)
    }

    /// Counts a call that was refused before it was begun.
    pub(super) fn refuse_call(&mut self, number: usize, code: &str) {
        self.counters.errors += 1;
        self.errors.count_code(code);
        self.tallies.at(number).rejected += 1;
    }

    /// Counts a call that is about to be served; its beginning, if it is timed. Little is done here:
    /// a PING takes a microsecond.
    #[inline]
    pub(super) fn begin_call(&mut self, number: usize) -> Option<u64> {
        let tally = self.tallies.at(number);
        tally.calls += 1;
        // The first one is timed too: a command that was called has a time.
        if tally.calls % TIMED_EVERY != 1 {
            return None;
        }
        self.clock.map(|clock| clock())
    }

    /// Counts a call that was begun as one that failed.
    #[cold]
    pub(super) fn fail_call(&mut self, number: usize) {
        self.tallies.at(number).failed += 1;
    }

    /// Ends a call that was timed, goes on, or is to be served again: then it was none.
    #[cold]
    pub(super) fn end_call(
        &mut self,
        session: &mut Session,
        number: usize,
        start_us: Option<u64>,
        comes_again: bool,
    ) {
        let tally = self.tallies.at(number);
        if comes_again || session.is_waiting() {
            tally.calls -= 1;
            return;
        }
        if let Some((start_us, clock)) = start_us.zip(self.clock) {
            tally.time(clock().saturating_sub(start_us));
        }
        if session.is_busy() {
            session.working_at = Some(number);
        }
    }

    /// Counts the call that a session worked at as failed, where its job has ended so; `errors` were
    /// counted before.
    pub(super) fn end_job(&mut self, session: &mut Session, errors: u64) {
        if !session.is_busy()
            && let Some(number) = session.working_at.take()
        {
            self.tallies.at(number).failed += u64::from(self.counters.errors > errors);
        }
    }

    /// Counts a large write, which no table serves.
    pub(super) fn count_stream(&mut self, command: &str, is_failed: bool) {
        let number = Commands::<M>::find_numbered(command.as_bytes());
        self.tallies.at(number.map_or(usize::MAX, |found| found.0)).count(is_failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_class_that_holds_it() {
        let mut tally = Tally::default();
        for us in [0, 1, 2, 3, 10_000, 10_001, u64::MAX >> 1] {
            tally.time(us);
        }
        assert_eq!(tally.classes, [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(tally.timed(), 7);
    }

    #[test]
    fn what_is_behind_the_table_is_no_command() {
        let mut tallies = Tallies::new(3);
        tallies.at(2).count(false);
        tallies.at(3).count(true);
        tallies.at(4).count(true);
        let counts: Vec<_> =
            tallies.list.iter().map(|tally| (tally.served(), tally.failed)).collect();
        assert_eq!(counts, [(0, 0), (0, 0), (1, 0), (0, 2)]);
    }
}
