//! The tables that a measurement ends in, and its rows for programs.

use comfy_table::{CellAlignment, Table, presets};

use super::cell::{Cell, Who};
use super::results::Results;
use super::sample::Sample;
use crate::bench::rows::{self, Row, quotient};

/// The number of clients whose slowest answers are compared, and to which more are compared.
const CLIENTS: u32 = 50;
const MORE_CLIENTS: u32 = 200;

/// Prints requests a second, and then how long they took.
pub(super) fn print(results: &Results, cells: &[Cell]) {
    let mut rates = table([
        "image",
        "Redis",
        "clients, pipelined",
        "image /s",
        "Redis in Linux /s",
        "times better",
        "native Redis /s",
        "times better",
    ]);
    let mut times =
        table(["p50, p99 in us", "clients, pipelined", "image", "Redis in Linux", "native Redis"]);
    for &cell in cells {
        let Cell { request, clients, depth } = cell;
        let shape = format!("{clients}, {depth}");
        let rate = |who| results.show(cell, who, |sample| rows::show(sample.rate.round()));
        let better =
            |who| rate_beside(results, cell, who).ratio.map_or_else(String::new, rows::show);
        rates.add_row([
            request.to_string(),
            request.beside().to_string(),
            shape.clone(),
            rate(Who::Image),
            rate(Who::Guest),
            better(Who::Guest),
            rate(Who::Native),
            better(Who::Native),
        ]);
        let time = |who| results.show(cell, who, time);
        times.add_row([
            request.to_string(),
            shape,
            time(Who::Image),
            time(Who::Guest),
            time(Who::Native),
        ]);
    }
    show(rates, 3);
    show(times, 2);
}

/// All that is compared: with Redis in Linux and native, its slowest answers, and more clients.
pub(super) fn all(results: &Results, cells: &[Cell]) -> Vec<Row> {
    let mut rows = Vec::new();
    for &cell in cells {
        rows.extend([Who::Guest, Who::Native].map(|who| rate_beside(results, cell, who)));
    }
    rows.extend(derived(results, cells));
    rows
}

/// What is not in the table of requests a second: slowest answers, and more clients.
pub(super) fn derived(results: &Results, cells: &[Cell]) -> Vec<Row> {
    let slowest = cells.iter().filter(|cell| cell.clients == CLIENTS);
    let mut rows: Vec<_> = slowest.map(|&cell| slowest_beside(results, cell)).collect();
    let scaled = |cell: &&Cell| cell.clients == MORE_CLIENTS && cell.depth == 1;
    rows.extend(cells.iter().filter(scaled).map(|&cell| scaling_beside(results, cell)));
    rows
}

fn rate_beside(results: &Results, cell: Cell, who: Who) -> Row {
    let rate = |who| results.sample(cell, who).map(|sample| sample.rate);
    Row::yield_of(name(cell, who), "/s", rate(Who::Image), rate(who))
}

fn slowest_beside(results: &Results, cell: Cell) -> Row {
    let p99 = |who| results.sample(cell, who).map(|sample| sample.p99_us);
    Row::cost(format!("p99 of {}", name(cell, Who::Guest)), "us", p99(Who::Image), p99(Who::Guest))
}

fn scaling_beside(results: &Results, cell: Cell) -> Row {
    let rate =
        |who, clients| results.sample(Cell { clients, ..cell }, who).map(|sample| sample.rate);
    let scaling = |who| quotient(rate(who, MORE_CLIENTS), rate(who, CLIENTS));
    let name = format!("{}, over {CLIENTS} clients", name(cell, Who::Guest));
    Row::yield_of(name, "times", scaling(Who::Image), scaling(Who::Guest))
}

fn name(cell: Cell, who: Who) -> String {
    let (ours, theirs) = (cell.request, cell.request.beside());
    if ours == theirs { format!("{cell}: {who}") } else { format!("{cell}: {theirs} of {who}") }
}

fn time(sample: &Sample) -> String {
    [sample.p50_us, sample.p99_us].map(|us| format!("{us:.0}")).join(", ")
}

fn table<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header);
    table
}

/// Prints a table whose figures begin at a column.
fn show(mut table: Table, figures: usize) {
    for column in table.column_iter_mut().skip(figures) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}\n");
}

#[cfg(test)]
mod tests {
    use super::super::cell::{Job, cells};
    use super::*;

    fn results(rates: &[(Who, u32, f64, f64)]) -> (Results, Vec<Cell>) {
        let cells: Vec<_> =
            cells("VMALLOC 4 KiB").into_iter().filter(|cell| cell.depth == 1).collect();
        let mut results = Results::default();
        for &(who, clients, rate, p99_us) in rates {
            let cell = cells.iter().find(|cell| cell.clients == clients).copied().unwrap();
            results.add(Job::beside(cell, who), Ok(Sample { rate, p50_us: 1.0, p99_us }));
        }
        (results, cells)
    }

    #[test]
    fn rows_say_what_is_compared_with_what() {
        let (results, cells) = results(&[
            (Who::Image, 50, 40.0, 10.0),
            (Who::Image, 200, 30.0, 10.0),
            (Who::Guest, 50, 5.0, 30.0),
            (Who::Guest, 200, 5.0, 30.0),
        ]);
        let rows = all(&results, &cells);
        let ratio = |name: &str| rows.iter().find(|row| row.name == name).and_then(|row| row.ratio);
        let plain = "VMALLOC 4 KiB, 50 clients, 1 pipelined: SET 64 B of Redis in Linux";
        assert_eq!(ratio(plain), Some(8.0));
        assert_eq!(ratio(&format!("p99 of {plain}")), Some(3.0));
        let more = "VMALLOC 4 KiB, 200 clients, 1 pipelined: SET 64 B of Redis in Linux";
        assert_eq!(ratio(&format!("{more}, over 50 clients")), Some(0.75));
    }

    #[test]
    fn a_row_without_a_figure_has_no_ratio() {
        let (results, cells) = results(&[(Who::Guest, 50, 5.0, 30.0)]);
        assert!(all(&results, &cells).iter().all(|row| row.ratio.is_none() && row.ours.is_none()));
        assert!(all(&results, &cells).iter().any(|row| row.peer == Some(5.0)));
    }
}
