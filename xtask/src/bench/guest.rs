//! `cargo xtask bench guest`: the workloads of VBENCH, and what each promise costs.

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table, presets};

use super::image::{self, Setting};
use crate::accel::Accel;
use crate::cli::BenchGuestOptions;
use crate::exit::{self, Cause};
use crate::resp::Client;
use crate::workspace::Workspace;

/// The switches, and the other way of each.
const SWITCHES: [&str; 5] =
    ["", "vm.flush=eager", "vm.frames=linux", "vm.realloc=copy", "vm.pools=off"];

/// It asks for alignments that no window has.
const MUST_FAIL: &str = "align_shift_alloc_test";

/// What the image says of one workload.
#[derive(Clone, Debug, Default, PartialEq)]
struct Line {
    name: String,
    passed: bool,
    scale: f64,
    /// Nanoseconds of each CPU for one loop: their mean.
    ns: f64,
    cpus: u32,
    /// What stands behind `Effect:`.
    effect: String,
}

/// Runs the verb.
pub(super) fn guest(
    workspace: &Workspace,
    options: &BenchGuestOptions,
) -> anyhow::Result<ExitCode> {
    let runtime = match *options.runtime.as_slice() {
        [runtime] => runtime,
        _ if options.compare => {
            return Err(exit::failure(Cause::Usage, "--compare is for one --runtime"));
        }
        _ => return beside(workspace, options),
    };
    let switches = if options.compare { &SWITCHES[..] } else { &SWITCHES[..1] };
    let (memory, cpus, accel) = (options.memory, options.smp, Accel::Tcg);
    let mut runs = Vec::new();
    for append in switches {
        let setting = Setting { runtime, memory, cpus, accel, append };
        runs.push(run(workspace, &setting, options.ms)?);
    }
    let on = runtime.note().map(|note| format!("{note}, ")).unwrap_or_default();
    println!("{on}{} CPUs, {}, load {}", options.smp, options.memory, super::load());
    if options.compare {
        print_prices(&runs);
    } else {
        print_lines(&runs[0]);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs all workloads in a fresh image.
fn run(workspace: &Workspace, setting: &Setting<'_>, ms: u32) -> anyhow::Result<Vec<Line>> {
    let (guest, _) = image::boot(workspace, image::plan(workspace, setting)?)?;
    let mut client = Client::connect(guest.plan().host)?;
    Ok(parse(&image::vbench(&mut client, "all", 1, setting.cpus, ms)?))
}

/// Measures each runtime where the guest's clock counts instructions, which repeat exactly.
fn beside(workspace: &Workspace, options: &BenchGuestOptions) -> anyhow::Result<ExitCode> {
    let (memory, cpus, accel) = (options.memory, 1, Accel::Counted);
    let mut runs = Vec::new();
    for &runtime in &options.runtime {
        let setting = Setting { runtime, memory, cpus, accel, append: "" };
        runs.push(run(workspace, &setting, options.ms)?);
    }
    println!("guest instructions of a loop, 1 CPU, {memory}");
    let mut table = table();
    let names = options.runtime.iter().map(|runtime| runtime.name());
    table.set_header(["workload"].into_iter().chain(names).chain(["ratio"]));
    let [first, others @ ..] = runs.as_slice() else { return Ok(ExitCode::FAILURE) };
    for line in first.iter().filter(|line| line.passed) {
        let same = others.iter().map(|run| run.iter().find(|other| other.name == line.name));
        let others: Vec<_> = same.map(|other| other.map_or(f64::NAN, |other| other.ns)).collect();
        let mut cells = vec![line.name.clone(), format!("{:.0}", line.ns)];
        cells.extend(others.iter().map(|ns| format!("{ns:.0}")));
        cells.push(format!("{:.3}", others.last().copied().unwrap_or(line.ns) / line.ns));
        table.add_row(cells);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

/// Reads a reply of `VBENCH`: a `Summary:` for each CPU, then one `Effect:`.
fn parse(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line { passed: true, ..Line::default() };
    for row in text.lines() {
        if let Some(summary) = row.strip_prefix("Summary: ") {
            line.name = summary.split(' ').next().unwrap_or_default().to_owned();
            line.passed &= summary.contains(" passed: 1 ");
            line.scale = image::word(summary, "scale:").unwrap_or_default();
            line.ns += image::word(summary, "ns:").unwrap_or_default();
            line.cpus += 1;
        } else if let Some(effect) = row.strip_prefix("Effect: ") {
            line.ns /= f64::from(line.cpus.max(1));
            line.effect = effect.to_owned();
            lines.push(std::mem::replace(&mut line, Line { passed: true, ..Line::default() }));
        }
    }
    lines
}

fn print_lines(lines: &[Line]) {
    let mut table = table();
    table.set_header(["workload", "", "ns", "scale %", "effect"]);
    for line in lines {
        let passed = match (line.passed, line.name == MUST_FAIL) {
            (true, false) => "passed",
            (false, true) => "failed, as it must",
            (true, true) => "passed, and must not",
            (false, false) => "failed",
        };
        let (ns, scale) = (format!("{:.0}", line.ns), format!("{:.0}", line.scale));
        table.add_row([&line.name, passed, &ns, &scale, &line.effect]);
    }
    println!("{table}");
}

/// Each switch as a column: how many times as long a loop takes with it.
fn print_prices(runs: &[Vec<Line>]) {
    let mut table = table();
    table.set_header(["workload", "ns"].iter().chain(&SWITCHES[1..]));
    for (row, line) in runs[0].iter().enumerate() {
        let mut cells = vec![line.name.clone(), format!("{:.0}", line.ns)];
        cells.extend(runs[1..].iter().map(|run| match run.get(row) {
            Some(other) => format!("{:.2}", other.ns / line.ns),
            None => String::new(),
        }));
        table.add_row(cells);
    }
    println!("{table}");
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read() {
        let text = "Summary: a passed: 1 failed: 0 loops: 2 ns: 10 scale: 100\n\
                    Summary: a passed: 1 failed: 0 loops: 2 ns: 30 scale: 100\n\
                    Effect: purges: 3\n\
                    Summary: b passed: 0 failed: 1 loops: 2 ns: 5 scale: 25\nEffect: purges: 0\n";
        let lines = parse(text);
        assert_eq!((lines[0].ns, lines[0].cpus, lines[0].passed), (20.0, 2, true));
        assert_eq!((lines[1].name.as_str(), lines[1].passed, lines[1].scale), ("b", false, 25.0));
        assert_eq!(lines[0].effect, "purges: 3");
    }
}
