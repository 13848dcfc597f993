//! `cargo xtask bench guest`: the workloads of VBENCH, and what each promise costs.

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table, presets};

use super::image::{self, Setting};
use crate::accel::Accel;
use crate::cli::BenchGuestOptions;
use crate::exit::{self, Cause};
use crate::resp::Client;
use crate::runtime::Runtime;
use crate::workspace::Workspace;

/// The switches, and the other way of each.
const SWITCHES: [&str; 5] =
    ["", "vm.flush=eager", "vm.frames=linux", "vm.realloc=copy", "vm.pools=off"];

/// CPUs of a single runtime, unless the command line names a number.
const CPUS: u32 = 2;

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

impl Line {
    /// Whether it did as it must.
    fn is_good(&self) -> bool {
        self.passed != (self.name == MUST_FAIL)
    }

    /// Says in words how it ended.
    fn verdict(&self) -> &'static str {
        match (self.passed, self.is_good()) {
            (true, true) => "passed",
            (false, true) => "failed, as it must",
            (true, false) => "passed, and must not",
            (false, false) => "failed",
        }
    }
}

/// Runs the verb.
pub(super) fn guest(
    workspace: &Workspace,
    options: &BenchGuestOptions,
) -> anyhow::Result<ExitCode> {
    let runtimes = Runtime::each_once(&options.runtime);
    let (runtime, cpus) = match (runtimes.as_slice(), options.smp) {
        (&[runtime], smp) => (runtime, smp.unwrap_or(CPUS)),
        _ if options.compare => {
            return Err(exit::failure(Cause::Usage, "--compare is for one --runtime"));
        }
        (_, None | Some(1)) => return beside(workspace, options, &runtimes),
        _ => {
            let message = "--smp: instructions are counted on 1 CPU, so two runtimes run on 1";
            return Err(exit::failure(Cause::Usage, message));
        }
    };
    let switches = if options.compare { &SWITCHES[..] } else { &SWITCHES[..1] };
    let (memory, accel) = (options.memory, Accel::Tcg);
    let mut runs = Vec::new();
    for append in switches {
        let setting = Setting { runtime, memory, cpus, accel, append };
        runs.push(run(workspace, &setting, options.ms)?);
    }
    let on = runtime.note().map(|note| format!("{note}, ")).unwrap_or_default();
    println!("{on}{cpus} CPUs, {memory}, load {}", super::load());
    if options.compare {
        print_prices(&runs);
    } else {
        print_lines(&runs[0]);
    }
    Ok(code(&runs))
}

/// Returns success if each workload of each run did as it must.
fn code(runs: &[Vec<Line>]) -> ExitCode {
    let is_good = runs.iter().all(|run| !run.is_empty() && run.iter().all(Line::is_good));
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all workloads in a fresh image.
fn run(workspace: &Workspace, setting: &Setting<'_>, ms: u32) -> anyhow::Result<Vec<Line>> {
    let (guest, _) = image::boot(workspace, image::plan(workspace, setting)?)?;
    let mut client = Client::connect(guest.plan().host)?;
    Ok(parse(&image::vbench(&mut client, "all", 1, setting.cpus, ms)?))
}

/// Measures each runtime where the guest's clock counts instructions, which repeat exactly.
fn beside(
    workspace: &Workspace,
    options: &BenchGuestOptions,
    runtimes: &[Runtime],
) -> anyhow::Result<ExitCode> {
    let (memory, cpus, accel) = (options.memory, 1, Accel::Counted);
    let mut runs = Vec::new();
    for &runtime in runtimes {
        let setting = Setting { runtime, memory, cpus, accel, append: "" };
        runs.push(run(workspace, &setting, options.ms)?);
    }
    println!("guest instructions of a loop, 1 CPU, {memory}");
    let mut table = table();
    let names: Vec<_> = runtimes.iter().map(|runtime| runtime.name().to_owned()).collect();
    let ratio = names.iter().rev().map(String::as_str).collect::<Vec<_>>().join("/");
    table.set_header(["workload".to_owned()].into_iter().chain(names).chain([ratio]));
    let rows = side_by_side(&runs);
    let is_whole = runs.iter().all(|run| run.len() == rows.len());
    table.add_rows(rows);
    println!("{table}");
    Ok(if is_whole { code(&runs) } else { ExitCode::FAILURE })
}

/// Makes a row of each workload: its name, a cell for each run, and the last run's time by the first one's.
fn side_by_side(runs: &[Vec<Line>]) -> Vec<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for line in runs.iter().flatten() {
        if !names.contains(&line.name.as_str()) {
            names.push(&line.name);
        }
    }
    let row = |name: &str| {
        let of_run = |run: &'_ Vec<Line>| run.iter().find(|line| line.name == name).cloned();
        let lines: Vec<_> = runs.iter().map(of_run).collect();
        let cell = |line: &Option<Line>| match line {
            None => "not run".to_owned(),
            Some(line) if line.passed && line.is_good() => format!("{:.0}", line.ns),
            Some(line) => line.verdict().to_owned(),
        };
        let passed: Option<Vec<f64>> = lines
            .iter()
            .map(|line| line.as_ref().filter(|line| line.passed).map(|line| line.ns))
            .collect();
        let ratio = match passed.as_deref() {
            Some([first, .., last]) => format!("{:.3}", last / first),
            _ => String::new(),
        };
        let cells = lines.iter().map(cell);
        [name.to_owned()].into_iter().chain(cells).chain([ratio]).collect()
    };
    names.into_iter().map(row).collect()
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
        let (ns, scale) = (format!("{:.0}", line.ns), format!("{:.0}", line.scale));
        table.add_row([&line.name, line.verdict(), &ns, &scale, &line.effect]);
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

    fn line(name: &str, passed: bool, ns: f64) -> Line {
        Line { name: name.to_owned(), passed, ns, ..Line::default() }
    }

    #[test]
    fn runs_stand_side_by_side() {
        let bare = vec![line("a", true, 10.0), line("b", true, 5.0), line(MUST_FAIL, false, 1.0)];
        let hermit = vec![line("a", true, 15.0), line("b", false, 5.0), line("c", true, 1.0)];
        let rows = side_by_side(&[bare.clone(), hermit.clone()]);
        assert_eq!(rows[0], ["a", "10", "15", "1.500"]);
        assert_eq!(rows[1], ["b", "5", "failed", ""]);
        assert_eq!(rows[2], [MUST_FAIL, "failed, as it must", "not run", ""]);
        assert_eq!(rows[3], ["c", "not run", "1", ""]);
        assert_eq!(code(std::slice::from_ref(&bare)), ExitCode::SUCCESS);
        assert_eq!(code(&[bare, hermit]), ExitCode::FAILURE);
        assert_eq!(code(&[vec![line(MUST_FAIL, true, 1.0)]]), ExitCode::FAILURE);
        assert_eq!(code(&[Vec::new()]), ExitCode::FAILURE);
    }
}
