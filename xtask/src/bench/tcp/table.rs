//! Prints the results of `bench tcp` as tables, and converts them to rows for programs.

use comfy_table::{CellAlignment, Table, presets};

use super::cell::{Cell, SystemUnderTest};
use super::results::Results;
use super::sample::RedisBenchmarkSample;
use crate::bench::rows::{ReportRow, quotient};
use crate::numbers;
use crate::runtime::Runtime;

/// The servers with which the images are compared.
const PEERS: [SystemUnderTest; 2] = [SystemUnderTest::Guest, SystemUnderTest::Native];
/// The number of clients for which the slowest answers are compared. Larger numbers of clients are compared
/// with this number.
const CLIENTS: u32 = 50;
const MORE_CLIENTS: u32 = 200;

/// Prints the requests per second, and then the latencies. Several images have adjacent columns.
pub(super) fn print(results: &Results, cells: &[Cell], runtimes: &[Runtime]) {
    let images: Vec<_> = runtimes.iter().map(|&runtime| SystemUnderTest::Image(runtime)).collect();
    let better = |image: &SystemUnderTest| match images.len() {
        1 => "times better".to_owned(),
        _ => format!("{image} times better"),
    };
    let mut header = ["image", "Redis", "clients, pipelined"].map(str::to_owned).to_vec();
    header.extend(images.iter().map(|image| format!("{image} /s")));
    for peer in PEERS {
        header.push(format!("{peer} /s"));
        header.extend(images.iter().map(better));
    }
    let mut rates = table(header);
    let all = || images.iter().copied().chain(PEERS);
    let mut header = ["p50, p99 in us", "clients, pipelined"].map(str::to_owned).to_vec();
    header.extend(all().map(|system| system.to_string()));
    let mut times = table(header);
    for &cell in cells {
        let Cell { request, clients, depth } = cell;
        let shape = format!("{clients}, {depth}");
        let rate = |system| results.show(cell, system, |sample| numbers::show(sample.rate.round()));
        let better = |image: &SystemUnderTest, peer| {
            let row = rate_beside(results, cell, *image, peer);
            row.ratio.map_or_else(String::new, numbers::show)
        };
        let mut row = vec![request.to_string(), request.beside().to_string(), shape.clone()];
        row.extend(images.iter().copied().map(rate));
        for peer in PEERS {
            row.push(rate(peer));
            row.extend(images.iter().map(|image| better(image, peer)));
        }
        rates.add_row(row);
        let mut row = vec![request.to_string(), shape];
        row.extend(all().map(|system| results.show(cell, system, time)));
        times.add_row(row);
    }
    show(rates, 3);
    show(times, 2);
}

/// Returns all comparisons: with Redis in Linux and with native Redis, of the slowest answers, and of more
/// clients.
pub(super) fn all(results: &Results, cells: &[Cell], runtimes: &[Runtime]) -> Vec<ReportRow> {
    let mut rows = Vec::new();
    for image in runtimes.iter().map(|&runtime| SystemUnderTest::Image(runtime)) {
        for &cell in cells {
            rows.extend(PEERS.map(|peer| rate_beside(results, cell, image, peer)));
        }
    }
    rows.extend(derived(results, cells, runtimes));
    rows
}

/// Returns the comparisons that are not in the table of requests per second: of the slowest answers, and of
/// more clients.
pub(super) fn derived(results: &Results, cells: &[Cell], runtimes: &[Runtime]) -> Vec<ReportRow> {
    let mut rows = Vec::new();
    for image in runtimes.iter().map(|&runtime| SystemUnderTest::Image(runtime)) {
        let slowest = cells.iter().filter(|cell| cell.clients == CLIENTS);
        rows.extend(slowest.map(|&cell| slowest_beside(results, cell, image)));
        let scaled = |cell: &&Cell| cell.clients == MORE_CLIENTS && cell.depth == 1;
        let scaled = cells.iter().filter(scaled);
        rows.extend(scaled.map(|&cell| scaling_beside(results, cell, image)));
    }
    rows
}

fn rate_beside(
    results: &Results,
    cell: Cell,
    image: SystemUnderTest,
    peer: SystemUnderTest,
) -> ReportRow {
    let rate = |system| results.sample(cell, system).map(|sample| sample.rate);
    ReportRow::yield_of(name(cell, image, peer), "/s", rate(image), rate(peer))
}

fn slowest_beside(results: &Results, cell: Cell, image: SystemUnderTest) -> ReportRow {
    let p99 = |system| results.sample(cell, system).map(|sample| sample.p99_us);
    let name = format!("p99 of {}", name(cell, image, SystemUnderTest::Guest));
    ReportRow::cost(name, "us", p99(image), p99(SystemUnderTest::Guest))
}

fn scaling_beside(results: &Results, cell: Cell, image: SystemUnderTest) -> ReportRow {
    let rate = |system, clients| {
        results.sample(Cell { clients, ..cell }, system).map(|sample| sample.rate)
    };
    let scaling = |system| quotient(rate(system, MORE_CLIENTS), rate(system, CLIENTS));
    let name = format!("{}, over {CLIENTS} clients", name(cell, image, SystemUnderTest::Guest));
    ReportRow::yield_of(name, "times", scaling(image), scaling(SystemUnderTest::Guest))
}

/// Returns the name of a comparison. The runtime is part of the name unless it is the default.
fn name(cell: Cell, image: SystemUnderTest, peer: SystemUnderTest) -> String {
    let cell_on = match image {
        SystemUnderTest::Image(Runtime::Hermit) => format!("{cell}, hermit"),
        _ => cell.to_string(),
    };
    let (ours, theirs) = (cell.request, cell.request.beside());
    if ours == theirs {
        format!("{cell_on}: {peer}")
    } else {
        format!("{cell_on}: {theirs} of {peer}")
    }
}

fn time(sample: &RedisBenchmarkSample) -> String {
    [sample.p50_us, sample.p99_us].map(|us| format!("{us:.0}")).join(", ")
}

fn table(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header);
    table
}

/// Prints a table whose columns from `figures` on contain numbers.
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

    const IMAGE: SystemUnderTest = SystemUnderTest::Image(Runtime::Bare);
    const BOTH: [Runtime; 2] = [Runtime::Bare, Runtime::Hermit];

    fn results(rates: &[(SystemUnderTest, u32, f64, f64)]) -> (Results, Vec<Cell>) {
        let cells: Vec<_> =
            cells("VMALLOC 4 KiB").into_iter().filter(|cell| cell.depth == 1).collect();
        let mut results = Results::default();
        for &(system, clients, rate, p99_us) in rates {
            let cell = cells.iter().find(|cell| cell.clients == clients).copied().unwrap();
            results.add(
                Job::beside(cell, system),
                Ok(RedisBenchmarkSample { rate, p50_us: 1.0, p99_us }),
            );
        }
        (results, cells)
    }

    #[test]
    fn rows_name_both_sides_of_a_comparison() {
        let (results, cells) = results(&[
            (IMAGE, 50, 40.0, 10.0),
            (IMAGE, 200, 30.0, 10.0),
            (SystemUnderTest::Image(Runtime::Hermit), 50, 20.0, 15.0),
            (SystemUnderTest::Guest, 50, 5.0, 30.0),
            (SystemUnderTest::Guest, 200, 5.0, 30.0),
        ]);
        let rows = all(&results, &cells, &BOTH);
        let ratio = |name: &str| rows.iter().find(|row| row.name == name).and_then(|row| row.ratio);
        let plain = "VMALLOC 4 KiB, 50 clients, 1 pipelined: SET 64 B of Redis in Linux";
        assert_eq!(ratio(plain), Some(8.0));
        assert_eq!(ratio(&format!("p99 of {plain}")), Some(3.0));
        let hermit = "VMALLOC 4 KiB, 50 clients, 1 pipelined, hermit: SET 64 B of Redis in Linux";
        assert_eq!(ratio(hermit), Some(4.0));
        assert_eq!(ratio(&format!("p99 of {hermit}")), Some(2.0));
        let more = "VMALLOC 4 KiB, 200 clients, 1 pipelined: SET 64 B of Redis in Linux";
        assert_eq!(ratio(&format!("{more}, over 50 clients")), Some(0.75));
    }

    #[test]
    fn a_row_without_a_figure_has_no_ratio() {
        let (results, cells) = results(&[(SystemUnderTest::Guest, 50, 5.0, 30.0)]);
        assert!(
            all(&results, &cells, &BOTH)
                .iter()
                .all(|row| row.ratio.is_none() && row.ours.is_none())
        );
        assert!(all(&results, &cells, &BOTH).iter().any(|row| row.peer == Some(5.0)));
    }
}
