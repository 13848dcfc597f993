//! Shows the progress of a load on a terminal. Without a terminal, no progress is shown.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::report;
use super::stats::LoadStats;
use crate::numbers;

/// The time between two updates.
const STEP: Duration = Duration::from_millis(500);

/// A progress bar with the current rate.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    shown: (Duration, u64),
}

impl Progress {
    /// Makes an empty bar for a duration.
    pub(super) fn new(duration: Duration) -> Self {
        let bar = ProgressBar::new(duration.as_secs());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} s  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, shown: (Duration::ZERO, 0) }
    }

    /// Shows the elapsed time, the rate since the last update, and the number of violations.
    pub(super) fn show(&mut self, elapsed: Duration, stats: &LoadStats) {
        let (then, count) = self.shown;
        if elapsed < then + STEP {
            return;
        }
        let rate = numbers::show(report::rate(stats.replies() - count, elapsed - then));
        self.shown = (elapsed, stats.replies());
        self.bar.set_position(elapsed.as_secs());
        let violations = match stats.violation_count() {
            0 => String::new(),
            count => format!(", {count} violations"),
        };
        self.bar.set_message(format!("{rate} requests per second{violations}"));
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
