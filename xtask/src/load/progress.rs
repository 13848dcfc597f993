//! What a person sees while it runs; nothing where nobody looks.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::report;
use super::stats::LoadStats;
use crate::numbers;

/// Between two figures.
const STEP: Duration = Duration::from_millis(500);

/// A bar with the rate of the last moment.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    shown: (Duration, u64),
}

impl Progress {
    /// An empty bar for so much time.
    pub(super) fn new(duration: Duration) -> Self {
        let bar = ProgressBar::new(duration.as_secs());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} s  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, shown: (Duration::ZERO, 0) }
    }

    /// Shows the time, the rate since the last time, and what is wrong so far.
    pub(super) fn show(&mut self, elapsed: Duration, tally: &LoadStats) {
        let (then, count) = self.shown;
        if elapsed < then + STEP {
            return;
        }
        let rate = numbers::show(report::rate(tally.replies() - count, elapsed - then));
        self.shown = (elapsed, tally.replies());
        self.bar.set_position(elapsed.as_secs());
        let violations = match tally.violation_count() {
            0 => String::new(),
            count => format!(", {count} violations"),
        };
        self.bar.set_message(format!("{rate} requests per second{violations}"));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
