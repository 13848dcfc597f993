//! Stores measurements over time, and compares their last third with the first third.

use std::time::Duration;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;

use crate::load::counters::Counters;
use crate::load::stats::LoadStats;

/// The duration of one measurement window.
const WINDOW: Duration = Duration::from_secs(10);
/// Limits for the time per request in the last third, in percent of the first third. The first limit is the
/// target. Exceeding the second limit fails the run on any host, however busy that host is.
const TIME_PERCENT: u64 = 110;
const TIME_PERCENT_MAX: u64 = 200;
/// Maximum number of pages by which the largest value of the last third may exceed that of the first third.
/// Freed addresses are cached in pools, so page tables grow for minutes. The limit permits tables for as many
/// addresses as the guest has memory.
const TABLES_MORE: i64 = 256;
const NOTES_MORE: i64 = 16;

/// The rate and the latency in one measurement window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    per_second: u64,
    p50_us: u64,
    p99_us: u64,
}

/// All windows up to now.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) windows: Vec<Window>,
    from: Duration,
    before: Option<Histogram<u64>>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { windows: Vec::new(), from: Duration::ZERO, before: None }
    }

    /// Returns whether the current window has ended.
    pub(super) fn is_due(&self, elapsed: Duration) -> bool {
        elapsed >= self.from + WINDOW
    }

    /// Ends the current window, adds it to the list, and formats it.
    pub(super) fn take(&mut self, elapsed: Duration, stats: &LoadStats) -> String {
        let all = stats.all().latency;
        let mut latency = all.clone();
        if let Some(before) = &self.before {
            // Counts only grow, and both histograms have the same bounds, so the subtraction succeeds.
            let taken = latency.subtract(before);
            taken.expect("an earlier histogram of the same counts");
        }
        let ms = u64::try_from((elapsed - self.from).as_millis()).unwrap_or(u64::MAX);
        let at = |quantile| latency.value_at_quantile(quantile);
        let window = Window {
            per_second: latency.len() * 1000 / ms.max(1),
            p50_us: at(0.5),
            p99_us: at(0.99),
        };
        (self.from, self.before) = (elapsed, Some(all));
        self.windows.push(window);
        let Window { per_second, p50_us, p99_us } = window;
        let violations = stats.violation_count();
        format!(
            "{} s: {per_second} per second, p50 {p50_us} us, p99 {p99_us} us, {violations} violations",
            elapsed.as_secs()
        )
    }
}

/// The amounts of memory that the image has allocated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    tables: i64,
    /// The library's metadata of regions and the heap together.
    notes: i64,
}

impl Size {
    /// Reads the amounts from the counters.
    pub(super) fn read(counters: &Counters) -> anyhow::Result<Self> {
        let number = |name: &str| {
            counters.get(name).copied().with_context(|| format!("VSTATS has no {name}"))
        };
        let notes = number("frames_slabs")? + number("frames_heap")?;
        Ok(Self { tables: number("table_pages")?, notes })
    }
}

/// The measurements of a run.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) paces: Vec<Window>,
    pub(super) sizes: Vec<Size>,
}

impl Samples {
    /// Returns a table with one row for each third of the run.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["third", "per second", "p50 us", "p99 us", "tables", "notes"]);
        for (name, index) in [("first", 0), ("second", 1), ("last", 2)] {
            let paces = third(&self.paces, index);
            let of = |figure: fn(&Window) -> u64| median(paces.iter().map(figure).collect());
            let (tables, notes) = self.most(index);
            table.add_row([
                name.to_owned(),
                of(|window| window.per_second).to_string(),
                of(|window| window.p50_us).to_string(),
                of(|window| window.p99_us).to_string(),
                tables.to_string(),
                notes.to_string(),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// Returns a message for each value that has grown more than permitted.
    pub(super) fn growths(&self) -> Vec<String> {
        let time =
            |index| median(third(&self.paces, index).iter().map(|window| window.p50_us).collect());
        let (first, last) = (time(0).max(1), time(2));
        let percent = last * 100 / first;
        let word = if percent <= TIME_PERCENT { "flat" } else { "not flat, or a busy host" };
        println!("time per request in the last third: {percent} % of the first, {word}");
        let mut growths = Vec::new();
        if percent > TIME_PERCENT_MAX {
            growths.push(format!("a request takes {last} us, {first} us at first"));
        }
        let ((tables, notes), (tables_then, notes_then)) = (self.most(2), self.most(0));
        if tables > tables_then + TABLES_MORE {
            growths.push(format!("{tables} pages of tables, {tables_then} at first"));
        }
        if notes > notes_then + NOTES_MORE {
            growths.push(format!("{notes} pages of notes, {notes_then} at first"));
        }
        growths
    }

    /// Returns the maximum amounts in a third of the run.
    fn most(&self, index: usize) -> (i64, i64) {
        let sizes = third(&self.sizes, index);
        let most = |figure: fn(&Size) -> i64| sizes.iter().map(figure).max().unwrap_or(0);
        (most(|size| size.tables), most(|size| size.notes))
    }
}

/// Returns one third of the samples. If the number is not divisible by three, the middle third is longer.
fn third<T>(all: &[T], index: usize) -> &[T] {
    let part = all.len() / 3;
    match index {
        0 => &all[..part],
        1 => &all[part..all.len() - part],
        _ => &all[all.len() - part..],
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(times: &[u64], tables: &[i64]) -> Samples {
        let window = |p50_us: &u64| Window { per_second: 1, p50_us: *p50_us, p99_us: 0 };
        let size = |tables: &i64| Size { tables: *tables, notes: 7 };
        Samples {
            paces: times.iter().map(window).collect(),
            sizes: tables.iter().map(size).collect(),
        }
    }

    #[test]
    fn thirds_cover_all_samples() {
        let all = [1, 2, 3, 4, 5];
        let parts: Vec<_> = (0..3).map(|index| third(&all, index)).collect();
        assert_eq!(parts, [&all[..1], &all[1..4], &all[4..]]);
        assert_eq!(third(&all[..2], 2), [0; 0]);
    }

    #[test]
    fn growth_is_named() {
        assert_eq!(samples(&[9, 9, 9], &[9, 99, 9]).growths(), [""; 0]);
        assert_eq!(samples(&[9, 9, 18], &[9, 9, 265]).growths(), [""; 0]);
        let both = samples(&[9, 9, 19], &[9, 9, 266]).growths();
        assert_eq!(
            both,
            ["a request takes 19 us, 9 us at first", "266 pages of tables, 9 at first"]
        );
    }
}
