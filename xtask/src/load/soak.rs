//! `cargo xtask test --soak MINUTES`: a load in which every byte is checked, while reservations are made to
//! fail, guard pages are accessed and the image is audited. Speed and memory at the end must be about the
//! same as at the beginning.

mod injector;
mod samples;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Parser;

use super::{counters, drive, guest, plan, report};
use crate::cli::{Cli, LoadOptions, Verb};
use crate::load_average;
use crate::process;
use crate::resp::Client;
use crate::runtime::Runtime;
use crate::workspace::Workspace;

use injector::FaultInjector;
use samples::{Pace, Samples};

/// The load, as words of `cargo xtask load`. It is small enough that the image is idle at times.
const LOAD: [&str; 12] = [
    "xtask",
    "load",
    "--verify",
    "--profile",
    "mixed",
    "--clients",
    "24",
    "--pipeline",
    "2",
    "--smp",
    "2",
    "--sizes",
];
const SIZES: &str = "1-128K";

/// Maximum number of page-table pages that may be kept permanently, because they separate the two owners of a
/// table.
const TABLES_KEPT: i64 = 4;

/// Runs the soak test.
pub(crate) fn soak(
    workspace: &Workspace,
    runtime: Runtime,
    minutes: u64,
) -> anyhow::Result<ExitCode> {
    let options = options(runtime, minutes * 60)?;
    let Some(mut guest) = guest::Target::find(workspace, &options)? else {
        return Ok(ExitCode::from(130));
    };
    let result = run(&guest, &options);
    match (result, guest.death()?) {
        (Ok(code), None) => Ok(code),
        (Ok(_), Some(death)) => Err(death),
        (Err(error), None) => Err(error),
        (Err(error), Some(death)) => Err(death.context(format!("{error:#}"))),
    }
}

fn options(runtime: Runtime, seconds: u64) -> anyhow::Result<LoadOptions> {
    let seconds = seconds.to_string();
    let own = [SIZES, "--duration", &seconds, "--runtime", runtime.name()];
    let words = LOAD.into_iter().chain(own);
    match Cli::try_parse_from(words).context("the words of the load")?.verb {
        Verb::Load(options) => Ok(options),
        _ => bail!("the words of the load are another verb's"),
    }
}

fn run(guest: &guest::Target, options: &LoadOptions) -> anyhow::Result<ExitCode> {
    let mut observer = Client::connect(guest.address())?;
    let plan = plan(&mut observer, options)?;
    let line =
        counters::check(&mut observer).map_err(|violation| anyhow::anyhow!("{violation}"))?;
    let (areas, tables) = (counters::number(&line, "areas="), tables_kept(&mut observer)?);
    process::announce("Soak", &format!("{}, load {}", plan.describe(), load_average::read()));
    let injector = FaultInjector::start(guest.address())?;
    let mut pace = Pace::new();
    let outcome = drive::drive(guest.address(), &plan, |elapsed, stats| {
        // Replies after the end of the duration do not count in the rates.
        if elapsed < plan.duration && pace.is_due(elapsed) {
            process::announce("", &pace.take(elapsed, stats));
        }
        guest.is_interrupted() || injector.is_finished()
    });
    let injected = injector.end()?;
    let outcome = outcome?;
    if outcome.worked < plan.duration {
        process::announce("Ended", "early: its growth is not judged");
        return Ok(ExitCode::from(130));
    }
    let mut stats = outcome.stats;
    injected.violations.into_iter().for_each(|violation| stats.violate(violation));
    let audit = counters::audit(&mut observer, areas);
    let audit = audit.map_err(|violation| stats.violate(violation)).unwrap_or_default();

    let samples = Samples { paces: pace.windows, sizes: injected.sizes };
    println!("{}", samples.table());
    println!("{}", injected.counts);
    println!("errors: {}", report::joined(stats.errors().iter()));
    println!("VCHECK: {audit}");
    let kept = tables_kept(&mut observer)?;
    println!("pages of tables: {tables} before, {kept} when all is purged");
    for violation in stats.violations() {
        println!("VIOLATION {violation}");
    }
    let mut growths = samples.growths();
    if kept > tables + TABLES_KEPT {
        growths.push(format!("{kept} pages of tables are kept, {tables} before"));
    }
    growths.iter().for_each(|growth| println!("GROWTH {growth}"));
    let (replies, seconds) =
        (stats.replies(), outcome.worked.max(Duration::from_secs(1)).as_secs());
    println!(
        "{replies} requests in {seconds} s, {} bytes verified, {} violations, load {}",
        stats.bytes_checked,
        stats.violation_count(),
        load_average::read()
    );
    let is_good = stats.violation_count() == 0 && growths.is_empty();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the number of page-table pages that are left after a purge that also releases caches.
fn tables_kept(observer: &mut Client) -> anyhow::Result<i64> {
    let reply = observer.call(&["VPURGE", "SYNC"])?;
    ensure!(!reply.is_error(), "VPURGE SYNC answers {}", reply.terminal().trim_end());
    counters::read(observer)?.remove("table_pages").context("VSTATS has no table_pages")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_parses() {
        let options = options(Runtime::Bare, 120).unwrap();
        assert!(options.verify && options.name.is_none());
        assert_eq!((options.duration, options.machine.smp), (120, 2));
    }
}
