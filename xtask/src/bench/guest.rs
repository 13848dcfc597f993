//! `cargo xtask bench guest`: measures the workloads of `VBENCH`, and the cost of each mode of the library.

mod result;
mod side_by_side;

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table, presets};

use super::image::{self, Setting};
use crate::accel::Accel;
use crate::cli::BenchGuestOptions;
use crate::exit::{self, Cause};
use crate::load_average;
use crate::resp::Client;
use crate::runtime::Runtime;
use crate::workspace::Workspace;

use result::WorkloadResult;

/// The command lines that change one mode of the library each.
const SWITCHES: [&str; 5] =
    ["", "vm.flush=eager", "vm.frames=linux", "vm.realloc=copy", "vm.pools=off"];

/// Default number of CPUs for a measurement of one runtime.
const CPUS: u32 = 2;

/// Runs `cargo xtask bench guest`.
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
    println!("{on}{cpus} CPUs, {memory}, load {}", load_average::read());
    if options.compare {
        print_prices(&runs);
    } else {
        print_lines(&runs[0]);
    }
    Ok(code(&runs))
}

/// Returns success if every workload of every run had its expected result.
fn code(runs: &[Vec<WorkloadResult>]) -> ExitCode {
    let is_good = runs.iter().all(|run| !run.is_empty() && run.iter().all(WorkloadResult::is_good));
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all workloads in a newly booted image.
fn run(
    workspace: &Workspace,
    setting: &Setting<'_>,
    ms: u32,
) -> anyhow::Result<Vec<WorkloadResult>> {
    let (guest, _) = image::boot(workspace, image::plan(workspace, setting)?)?;
    let mut client = Client::connect(guest.plan().host)?;
    Ok(result::parse(&image::vbench(&mut client, "all", 1, setting.cpus, ms)?))
}

/// Measures each runtime with a guest clock that counts instructions. Such results are the same in every run.
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
    let rows = side_by_side::rows(&runs);
    let is_whole = runs.iter().all(|run| run.len() == rows.len());
    table.add_rows(rows);
    println!("{table}");
    Ok(if is_whole { code(&runs) } else { ExitCode::FAILURE })
}

fn print_lines(results: &[WorkloadResult]) {
    let mut table = table();
    table.set_header(["workload", "", "ns", "scale %", "effect"]);
    for line in results {
        let (ns, scale) = (format!("{:.0}", line.ns), format!("{:.0}", line.scale));
        table.add_row([&line.name, line.verdict(), &ns, &scale, &line.effect]);
    }
    println!("{table}");
}

/// Prints a column for each mode, with the factor by which the duration of a loop changes.
fn print_prices(runs: &[Vec<WorkloadResult>]) {
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
    fn an_unexpected_result_fails_the_verb() {
        let good = vec![
            WorkloadResult::named("a", true, 1.0),
            WorkloadResult::named(result::MUST_FAIL, false, 1.0),
        ];
        let failed = vec![WorkloadResult::named("a", false, 1.0)];
        assert_eq!(code(&[good.clone(), good.clone()]), ExitCode::SUCCESS);
        assert_eq!(code(&[good, failed]), ExitCode::FAILURE);
        assert_eq!(
            code(&[vec![WorkloadResult::named(result::MUST_FAIL, true, 1.0)]]),
            ExitCode::FAILURE
        );
        assert_eq!(code(&[Vec::new()]), ExitCode::FAILURE);
    }
}
