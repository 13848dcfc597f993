//! `cargo xtask load`: loads the image with many clients at once, and checks every byte if requested.
//!
//! [`drive`](mod@drive) transfers bytes between connections and clients. A [`client`] chooses requests by its
//! [`Profile`], and judges each reply by the expected bytes of its regions ([`pattern`]), the addresses of
//! all regions ([`live_ranges`]) and their owners ([`exposed`]). Violations and counts are stored in the
//! [`stats`].

mod answer;
mod client;
mod connection;
mod counters;
mod drive;
mod exposed;
mod guest;
mod live_ranges;
mod pattern;
mod plan;
mod progress;
mod region;
mod report;
mod request;
mod shared;
mod soak;
mod stats;
mod violation;

use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::cli::LoadOptions;
use crate::exit::{self, Cause};
use crate::process;
use crate::resp::Client;
use crate::workload::Profile;
use crate::workspace::Workspace;

use plan::LoadPlan;
use progress::Progress;
use report::Report;
use violation::Violation;

pub(crate) use report::rate;
pub(crate) use soak::soak;

/// Maximum time of a reply. A client that waits longer is ended with a violation.
const STALL: Duration = Duration::from_secs(10);

/// Runs `cargo xtask load`.
pub(crate) fn load(workspace: &Workspace, options: &LoadOptions) -> anyhow::Result<ExitCode> {
    let Some(mut guest) = guest::Target::find(workspace, options)? else {
        return Ok(ExitCode::from(130));
    };
    let result = measure(guest.address(), options, guest.is_ours(), || guest.is_interrupted());
    // If the guest has ended, the reason of that explains more than the errors of its clients.
    let death = guest.death()?;
    match (result, death) {
        (Ok(code), None) => Ok(code),
        (Ok(_), Some(death)) => Err(death),
        (Err(error), None) => Err(error),
        (Err(error), Some(death)) => Err(death.context(format!("{error:#}"))),
    }
}

/// Loads the server at `address`, and prints the results.
///
/// # Errors
/// The server does not answer, or does not have a command that the profile needs.
pub(crate) fn measure(
    address: SocketAddr,
    options: &LoadOptions,
    is_ours: bool,
    mut is_interrupted: impl FnMut() -> bool,
) -> anyhow::Result<ExitCode> {
    let mut observer = observe(address).with_context(|| address.to_string())?;
    let plan = plan(&mut observer, options)?;
    let areas = match counters::check(&mut observer) {
        // The number of areas is only used if this load is the only user of the image.
        Ok(line) => counters::number(&line, "areas=").filter(|_| is_ours),
        Err(violation) => anyhow::bail!("before the load: {violation}"),
    };
    let before = counters::read(&mut observer)?;
    process::announce("Load", &plan.describe());
    let mut progress = Progress::new(plan.duration);
    let outcome = drive::drive(address, &plan, |elapsed, stats| {
        progress.show(elapsed, stats);
        is_interrupted()
    });
    progress.finish();
    let drive::LoadOutcome { worked, mut stats } = outcome?;
    let after = counters::read(&mut observer).context("after the load");
    let (growth, audit) = match after {
        Ok(after) => (counters::growth(&before, &after), counters::audit(&mut observer, areas)),
        // A server that no longer answers cannot be audited.
        Err(error) => (Vec::new(), Err(Violation::Audit(format!("{error:#}")))),
    };
    let audit = audit.map_err(|violation| stats.violate(violation)).ok();
    let report = Report { plan: &plan, worked, stats: &stats, growth, audit };
    report.print();
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    Ok(if stats.violation_count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Loads the server at `address` with clients that check every byte. Returns the number of replies per
/// second.
///
/// # Errors
/// The server does not answer, or a client detected a violation.
pub(crate) fn verified(address: SocketAddr, clients: usize, time: Duration) -> anyhow::Result<f64> {
    let mut observer = observe(address).with_context(|| address.to_string())?;
    let plan = LoadPlan {
        clients,
        pipeline: 1,
        duration: time,
        replies_max: u64::MAX,
        profile: Profile::Mixed,
        sizes: "1-16K".parse().map_err(anyhow::Error::msg)?,
        verify: true,
        seed: 1,
        can_resize: counters::serves(&mut observer, "VREALLOC")?,
        stall: STALL,
        prefix: format!("load:{}", std::process::id()),
    };
    let drive::LoadOutcome { worked, stats } = drive::drive(address, &plan, |_, _| false)?;
    if let Some(first) = stats.violations().first() {
        anyhow::bail!("{} violations, the first: {first}", stats.violation_count());
    }
    counters::audit(&mut observer, None).map_err(|violation| anyhow::anyhow!("{violation}"))?;
    Ok(rate(stats.replies(), worked))
}

/// Opens a connection that has the same time limit for replies as the clients of a load.
fn observe(address: SocketAddr) -> std::io::Result<Client> {
    let stream = TcpStream::connect_timeout(&address, STALL)?;
    let client = Client::from_stream(stream.try_clone()?)?;
    // The time limit belongs to the socket, so it applies to the cloned handle too.
    stream.set_read_timeout(Some(STALL))?;
    Ok(client)
}

fn plan(observer: &mut Client, options: &LoadOptions) -> anyhow::Result<LoadPlan> {
    let can_resize = counters::serves(observer, "VREALLOC")?;
    if options.profile == Profile::Resize && !can_resize {
        let message = "--profile resize: the image does not serve VREALLOC";
        return Err(exit::failure(Cause::Usage, message));
    }
    Ok(LoadPlan {
        clients: options.clients as usize,
        pipeline: options.pipeline as usize,
        duration: Duration::from_secs(options.duration),
        replies_max: u64::MAX,
        profile: options.profile,
        sizes: options.sizes,
        verify: options.verify,
        seed: options.seed,
        can_resize,
        stall: STALL,
        prefix: format!("load:{}", std::process::id()),
    })
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
