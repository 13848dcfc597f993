//! `cargo xtask bench tcp`: runs `redis-benchmark` on the image, on Redis in a Linux guest, and on Redis on
//! this host.
//!
//! All servers run during the whole measurement. They are measured alternately.

mod cell;
mod measure;
mod results;
mod sample;
mod subjects;
mod table;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use super::image::{self, Setting};
use super::rows;
use crate::accel::Accel;
use crate::cli::BenchTcpOptions;
use crate::exit::{self, Cause};
use crate::guest::GuestPlan;
use crate::linux::{self, Linux};
use crate::load_average;
use crate::load_network::{self, GuestLink};
use crate::process;
use crate::provision::{self, Removals};
use crate::qemu;
use crate::runtime::Runtime;
use crate::workspace::Workspace;

use cell::Cell;
use results::Results;
use subjects::Subjects;

/// A kernel command line with enough places for 200 clients and for monitoring connections.
const CLIENTS: &str = "clients=256";
/// The TCP port of Redis in the Linux guest.
const REDIS: u16 = 6379;

/// Runs `cargo xtask bench tcp`.
pub(super) fn tcp(workspace: &Workspace, options: &BenchTcpOptions) -> anyhow::Result<ExitCode> {
    let cells = cell::cells(&options.only);
    if cells.is_empty() {
        let message = format!("--only {:?}: no row has that in its name", options.only);
        return Err(exit::failure(Cause::Usage, message));
    }
    ensure_benchmark()?;
    let choice = load_network::choose(options.net)?;
    let linux = Linux::ensure(workspace)?;
    let server = linux::redis_server()?;
    let [first, second, peer] = choice.network.links();
    let mut planned = Vec::new();
    for (runtime, link) in Runtime::each_once(&options.runtime).into_iter().zip([first, second]) {
        planned.push((runtime, link, image_plan(workspace, options, runtime, link)?));
    }
    let (_, _, image) = planned.first().context("no runtime")?;
    let guest = guest_plan(&linux, image, peer)?;
    // From here on no package can be downloaded, because this thread leaves the host's network.
    choice.network.set_up()?;
    let mut images = Vec::new();
    for (runtime, link, plan) in planned {
        images.push((runtime, link.attach(plan)?));
    }
    let subjects = Subjects::start(workspace, images, peer.attach(guest)?, &server)?;
    let load = load_average::read();
    let results = run(&subjects, options, &cells)?;

    let (kernel, cpus, memory) = (linux.version(), options.smp, &options.memory);
    println!("QEMU under TCG, each guest with -smp {cpus} and {memory}, Linux {kernel}");
    println!("network: {}, {}; native Redis on loopback", choice.network, choice.why);
    println!(
        "medians of {}, load {load} before and {} after",
        options.rounds,
        load_average::read()
    );
    let runtimes = Runtime::each_once(&options.runtime);
    table::print(&results, &cells, &runtimes);
    rows::print(&table::derived(&results, &cells, &runtimes), "Redis in Linux");
    for note in results.notes() {
        println!("{note}");
    }
    if let Some(path) = &options.json {
        rows::write(&table::all(&results, &cells, &runtimes), path)?;
    }
    subjects.audit()?;
    Ok(if results.has_failures() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn ensure_benchmark() -> anyhow::Result<()> {
    if process::find("redis-benchmark").is_some() {
        return Ok(());
    }
    provision::install(&["redis-tools"], "the load", Removals::Refused)
}

/// Returns the plan of a guest with the image.
fn image_plan(
    workspace: &Workspace,
    options: &BenchTcpOptions,
    runtime: Runtime,
    link: GuestLink,
) -> anyhow::Result<GuestPlan> {
    let append = format!("{CLIENTS} {}", link.append());
    let (memory, cpus, append) = (options.memory, options.smp, append.trim_end());
    image::plan(workspace, &Setting { runtime, memory, cpus, accel: Accel::Tcg, append })
}

/// Returns the plan of a Linux guest on the same virtual machine as a guest with the image.
fn guest_plan(linux: &Linux, image: &GuestPlan, link: GuestLink) -> anyhow::Result<GuestPlan> {
    let (files, line) = linux.redis(link.address())?;
    Ok(GuestPlan {
        image: linux.kernel(),
        initrd: Some(files),
        cpu: qemu::CPU,
        append: line,
        guest_port: REDIS,
        ..image.clone()
    })
}

/// Warms up all servers, and measures them in several rounds.
fn run(subjects: &Subjects, options: &BenchTcpOptions, cells: &[Cell]) -> anyhow::Result<Results> {
    let mut results = Results::default();
    for (job, why) in subjects::refused(subjects, cells)? {
        results.refuse(job, &why);
    }
    let (jobs, time) = (
        cell::jobs(cells, &Runtime::each_once(&options.runtime)),
        Duration::from_millis(options.ms.into()),
    );
    process::announce(
        "Warm up",
        &format!("{} measurements, load {}", jobs.len(), load_average::read()),
    );
    let mut requests = BTreeMap::new();
    for &job in jobs.iter().filter(|&&job| results.is_open(job)).collect::<Vec<_>>() {
        let found = subjects
            .fill(job)
            .and_then(|()| subjects.address(job.system))
            .and_then(|address| measure::requests_for(address, job.cell, time));
        match found {
            Ok(found) => drop(requests.insert(job, found)),
            Err(error) => results.add(job, Err(error)),
        }
    }
    for round in 1..=options.rounds {
        let what = format!("round {round} of {}, load {}", options.rounds, load_average::read());
        process::announce("Measure", &what);
        for (&job, &requests) in jobs.iter().filter_map(|job| requests.get_key_value(job)) {
            if results.is_open(job) {
                let sample = subjects.fill(job).and_then(|()| subjects.measure(job, requests));
                results.add(job, sample);
            }
        }
    }
    Ok(results)
}
