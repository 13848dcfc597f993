//! Counts the traffic of the service, its errors and the calls of each command.

mod calls;
mod counters;
mod errors;
mod rates;
mod rows;

use super::failure::Failure;
use crate::resp::Reply;

pub use calls::{BOUNDS_US, CommandStats};
pub use counters::{Counters, DROP_ROWS, Dropped, Ending, SOCKET_STATES, TURN_LONG_US};
pub(super) use rows::{Gauges, rows};

use calls::CallStats;
use errors::ErrorCounts;
use rates::Rates;

/// Counters, statistics of commands, errors by code, and rates.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) counters: Counters,
    pub(super) calls: CallStats,
    pub(super) errors: ErrorCounts,
    pub(super) rates: Rates,
}

impl Metrics {
    /// Creates metrics for `commands` commands.
    pub(super) fn new(commands: usize) -> Self {
        Self {
            counters: Counters::default(),
            calls: CallStats::new(commands),
            errors: ErrorCounts::default(),
            rates: Rates::default(),
        }
    }

    /// Counts the error `failure` and writes it as the reply.
    pub(super) fn refuse(&mut self, failure: &Failure, reply: &mut Reply<'_>) {
        self.counters.errors += 1;
        self.errors.count(failure);
        failure.write(reply);
    }

    /// Counts a call that was refused before it began.
    pub(super) fn reject_call(&mut self, number: usize, code: &str) {
        self.counters.errors += 1;
        self.errors.count_code(code);
        self.calls.reject(number);
    }

    /// Adds a sample of the traffic if the newest sample is old enough.
    pub(super) fn sample(&mut self, now_us: u64) {
        if self.rates.is_due(now_us) {
            self.rates.note(now_us, self.counters.traffic());
        }
    }

    /// Resets all counts to 0.
    pub(super) fn reset(&mut self, now_us: u64) {
        self.counters.reset();
        self.calls.reset();
        self.errors.reset();
        self.rates.reset(now_us);
    }
}
