//! The table that is printed, row by row.

use std::fmt;
use std::io::{self, Write};

use crate::settings::Settings;

/// Prints the rows that are wanted.
#[derive(Debug)]
pub(crate) struct Table {
    filter: Option<String>,
}

/// A number as it is printed: three digits or all before the point.
struct Cell(Option<f64>);

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            None => "-".to_owned(),
            Some(number) if number < 9.995 => format!("{number:.2}"),
            Some(number) if number < 99.95 => format!("{number:.1}"),
            Some(number) => format!("{number:.0}"),
        };
        f.pad(&text)
    }
}

impl Table {
    /// Prints the head.
    pub(crate) fn new(settings: &Settings) -> Self {
        println!("| {:<84} | {:>8} | {:>8} | {:>6} |", "what", "ours", "peer", "ratio");
        println!("|:{:-<84}-|-{:->8}:|-{:->8}:|-{:->6}:|", "", "", "", "");
        Self { filter: settings.filter.clone() }
    }

    /// Whether a row of this name will be printed.
    pub(crate) fn wants(&self, what: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| what.contains(filter.as_str()))
    }

    /// Prints a row, if it is wanted. The ratio is ours to the peer's.
    pub(crate) fn row(&mut self, what: &str, ours: Option<f64>, peer: Option<f64>) {
        if !self.wants(what) {
            return;
        }
        let ratio = ours.zip(peer).map(|(ours, peer)| ours / peer);
        let (ours, peer, ratio) = (Cell(ours), Cell(peer), Cell(ratio));
        println!("| {what:<84} | {ours:>8} | {peer:>8} | {ratio:>6} |");
        // Shows each row at once: rows take seconds. A closed pipe shows at the next row.
        let _ = io::stdout().flush();
    }

    /// Prints a row with the reason why it has no numbers.
    pub(crate) fn dash(&mut self, what: &str, reason: &str) {
        if self.wants(what) {
            self.row(&format!("{what} ({reason})"), None, None);
        }
    }

    /// Prints what the rows cannot say.
    pub(crate) fn end(self) {
        println!(
            "\nThe ratio is ours to the peer's. A dash means no comparable operation, or more than 20 us for\n\
             a pair. offset-allocator counts in 32 bits: its window has 2^32 - 1 pages, the others'\n\
             2^33. Only the crate maintains guard pages, ids and tables; the rows about\n\
             addresses leave them out."
        );
    }
}
