//! The rows of a result, which are shown as a table for people and as JSON for programs.

use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};

use crate::numbers::show;

/// One row: a figure of the image, and the same figure of the peer if there is one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReportRow {
    /// The quantity that was measured.
    pub(super) name: String,
    /// The unit of both figures.
    pub(super) unit: &'static str,
    /// The figure of the image, if it could be measured.
    pub(super) ours: Option<f64>,
    /// The figure of the peer, if it could be measured.
    pub(super) peer: Option<f64>,
    /// The factor by which the image is better than the peer.
    pub(super) ratio: Option<f64>,
}

impl ReportRow {
    /// Creates a row for a quantity of which less is better, such as a duration.
    pub(super) fn cost(
        name: String,
        unit: &'static str,
        ours: impl Into<Option<f64>>,
        peer: Option<f64>,
    ) -> Self {
        let ours = ours.into();
        Self { name, unit, ours, peer, ratio: quotient(peer, ours) }
    }

    /// Creates a row for a quantity of which more is better, such as a rate.
    pub(super) fn yield_of(
        name: String,
        unit: &'static str,
        ours: impl Into<Option<f64>>,
        peer: Option<f64>,
    ) -> Self {
        let ours = ours.into();
        Self { name, unit, ours, peer, ratio: quotient(ours, peer) }
    }

    fn to_json(&self) -> String {
        let number = |value: Option<f64>| match value {
            Some(value) if value.is_finite() => format!("{value:.3}"),
            _ => "null".to_owned(),
        };
        format!(
            "{{\"name\":\"{}\",\"unit\":\"{}\",\"ours\":{},\"peer\":{},\"ratio\":{}}}",
            self.name,
            self.unit,
            number(self.ours),
            number(self.peer),
            number(self.ratio)
        )
    }
}

/// Prints the rows.
pub(super) fn print(rows: &[ReportRow], peer: &str) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["", "unit", "image", peer, "times better"]);
    for row in rows {
        let [ours, peer] = [row.ours, row.peer].map(|value| value.map_or_else(String::new, show));
        let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        table.add_row([row.name.clone(), row.unit.to_owned(), ours, peer, ratio]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}

/// Writes the rows to a file as JSON.
pub(super) fn write(rows: &[ReportRow], path: &Path) -> anyhow::Result<()> {
    let lines = rows.iter().map(ReportRow::to_json).collect::<Vec<_>>().join(",\n");
    std::fs::write(path, format!("[\n{lines}\n]\n")).with_context(|| path.display().to_string())
}

/// Divides two figures if both are present.
pub(super) fn quotient(above: Option<f64>, below: Option<f64>) -> Option<f64> {
    Some(above? / below?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_one_has_the_larger_ratio() {
        let cost = ReportRow::cost("a".to_owned(), "ns", 10.0, Some(200.0));
        assert_eq!(cost.ratio, Some(20.0));
        assert_eq!(ReportRow::yield_of("b".to_owned(), "/s", 10.0, Some(5.0)).ratio, Some(2.0));
        assert_eq!(
            cost.to_json(),
            "{\"name\":\"a\",\"unit\":\"ns\",\"ours\":10.000,\"peer\":200.000,\"ratio\":20.000}"
        );
        let alone = ReportRow::cost("c".to_owned(), "ns", 1.5, None);
        assert!(alone.to_json().ends_with("\"peer\":null,\"ratio\":null}"));
        let unserved = ReportRow::yield_of("d".to_owned(), "/s", None, Some(2.0));
        assert!(unserved.to_json().ends_with("\"ours\":null,\"peer\":2.000,\"ratio\":null}"));
    }
}
