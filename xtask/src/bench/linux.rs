//! `cargo xtask bench linux`: measures the same workloads in the image and in Linux, alternately.

use std::process::ExitCode;

use anyhow::Context;

use super::figures::{SampleSet, WorkloadSample};
use super::image::{self, Setting};
use super::peer;
use super::rows::{self, ReportRow};
use super::workloads::{BOTH, CLEAR, SCALING, ZEROED};
use crate::accel::Accel;
use crate::cli::BenchLinuxOptions;
use crate::guest::GuestPlan;
use crate::linux::Linux;
use crate::load_average;
use crate::process;
use crate::qemu::Memory;
use crate::resp::Client;
use crate::runtime::Runtime;
use crate::workspace::Workspace;

const MEMORY: Memory = Memory::of_mebibytes(2048);
/// Number of comparisons of one CPU with two CPUs in the same image.
const TURNS: u32 = 5;
/// A CPU model without fast string instructions. Linux clears pages with them, and QEMU's are slow.
const WITHOUT_STRINGS: &str = "max,-erms";

/// The samples of the image and of Linux.
#[derive(Default)]
struct Both {
    ours: SampleSet,
    peer: SampleSet,
}

/// Runs `cargo xtask bench linux`.
pub(super) fn linux(
    workspace: &Workspace,
    options: &BenchLinuxOptions,
) -> anyhow::Result<ExitCode> {
    let linux = Linux::ensure(workspace)?;
    let timed = plan(workspace, 2, Accel::Tcg)?;
    let mut times = Both::default();
    for round in 1..=options.rounds {
        let what = format!("round {round} of {}, load {}", options.rounds, load_average::read());
        process::announce("Measure", &what);
        times.peer.add(peer::measure(workspace, &linux, &timed, "1,2", options.ms)?);
        times.ours.add(ours(workspace, &timed, &[1, 2], options.ms)?);
    }
    process::announce("Measure", "one CPU and two by turns");
    let scaling = by_turns(workspace, &timed, options.ms)?;
    process::announce("Measure", "Linux on a processor without quick string instructions");
    let plain = GuestPlan { cpu: WITHOUT_STRINGS, ..timed };
    let mut slow = SampleSet::default();
    slow.add(peer::measure(workspace, &linux, &plain, "1", options.ms)?);
    process::announce("Measure", "instructions, on one CPU");
    let counted = plan(workspace, 1, Accel::Counted)?;
    let mut counts = Both::default();
    // Half of the time is enough, because the duration of a loop is constant once the caches are warm.
    let ms = (options.ms / 2).max(10);
    counts.peer.add(peer::measure(workspace, &linux, &counted, "1", ms)?);
    counts.ours.add(ours(workspace, &counted, &[1], ms)?);

    let rows = rows(&times, &scaling, &slow, &counts).context("a workload was not measured")?;
    let kernel = linux.version();
    println!("QEMU under TCG, {MEMORY}, medians of {}, Linux {kernel}", options.rounds);
    rows::print(&rows, "Linux");
    if let Some(path) = &options.json {
        rows::write(&rows, path)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(workspace: &Workspace, cpus: u32, accel: Accel) -> anyhow::Result<GuestPlan> {
    let runtime = Runtime::Bare;
    image::plan(workspace, &Setting { runtime, memory: MEMORY, cpus, accel, append: "" })
}

/// Boots the image, and runs all workloads in it.
fn ours(
    workspace: &Workspace,
    plan: &GuestPlan,
    cpus: &[u32],
    ms: u32,
) -> anyhow::Result<Vec<WorkloadSample>> {
    let (guest, _) = image::boot(workspace, plan.clone())?;
    let mut client = Client::connect(guest.plan().host)?;
    let mut samples = Vec::new();
    for &cpus in cpus {
        for workload in BOTH.iter().chain([&CLEAR]) {
            samples.extend(image::measure(&mut client, workload, cpus, ms)?);
        }
    }
    Ok(samples)
}

/// Runs one workload on one CPU and on two CPUs, alternately.
fn by_turns(workspace: &Workspace, plan: &GuestPlan, ms: u32) -> anyhow::Result<SampleSet> {
    let (guest, _) = image::boot(workspace, plan.clone())?;
    let mut client = Client::connect(guest.plan().host)?;
    let mut figures = SampleSet::default();
    for _ in 0..TURNS {
        let mut both = image::measure(&mut client, &SCALING, 1, ms)?;
        both.extend(image::measure(&mut client, &SCALING, 2, ms)?);
        figures.add(both);
    }
    Ok(figures)
}

fn rows(
    times: &Both,
    turns: &SampleSet,
    slow: &SampleSet,
    counts: &Both,
) -> Option<Vec<ReportRow>> {
    let mut rows = Vec::new();
    for workload in &BOTH {
        let (ours, peer) = (times.ours.ns(workload)?, times.peer.ns(workload)?);
        rows.push(ReportRow::cost(workload.title.to_owned(), "ns", ours, Some(peer)));
    }
    let (zeroed, slow) = (times.ours.ns(&ZEROED)?, slow.ns(&ZEROED)?);
    let name = format!("{}, Linux without erms", ZEROED.title);
    rows.push(ReportRow::cost(name, "ns", zeroed, Some(slow)));
    let part = times.ours.ns(&CLEAR)? / zeroed;
    rows.push(ReportRow::yield_of(
        format!("{}: part of {}", CLEAR.title, ZEROED.title),
        "",
        part,
        None,
    ));
    for workload in &BOTH {
        let (ours, peer) = (times.ours.rate(workload, 2)?, times.peer.rate(workload, 2)?);
        rows.push(ReportRow::yield_of(
            format!("{}, 2 CPUs", workload.title),
            "/s",
            ours,
            Some(peer),
        ));
    }
    let scaling = |system: &SampleSet| Some(system.rate(&SCALING, 2)? / system.rate(&SCALING, 1)?);
    let (ours, peer) = (scaling(turns)?, scaling(&times.peer)?);
    let name = format!("{}, 2 CPUs over 1", SCALING.title);
    rows.push(ReportRow::yield_of(name, "times", ours, Some(peer)));
    for workload in &BOTH {
        // The clock of these guests advances by one nanosecond with each instruction.
        let (ours, peer) = (counts.ours.ns(workload)?, counts.peer.ns(workload)?);
        rows.push(ReportRow::cost(workload.title.to_owned(), "instructions", ours, Some(peer)));
    }
    Some(rows)
}
