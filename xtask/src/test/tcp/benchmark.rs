//! `redis-benchmark` as a load, and what the image's counters say of it.

use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::reports;
use super::subject::Subject;
use crate::network::Network;
use crate::process;
use crate::resp::Client;
use crate::test::tally::Skip;

const LIMIT: Duration = Duration::from_secs(180);
const CLIENTS: &str = "50";
const STOCK_ROUNDS: usize = 6;
/// Different names: with 1000 of them a random choice leaves some untouched.
const NAMES: &str = "1000";
/// Frees share a flush: a purge every 10 ms, and requests that take 1 ms at the very most.
const REQUESTS_OF_A_PURGE: u64 = 10;

/// 200,000 replacements, 16 in flight; capacity failures would be nulls.
pub(super) fn soft(subject: &Subject) -> anyhow::Result<()> {
    load(subject, "16", 200_000, &["SOFT"])
}

/// The same; a capacity failure would end it.
pub(super) fn hard(subject: &Subject) -> anyhow::Result<()> {
    load(subject, "16", 200_000, &[])
}

/// One request in flight for each client.
pub(super) fn unpipelined(subject: &Subject) -> anyhow::Result<()> {
    load(subject, "1", 50_000, &["SOFT"])
}

/// Its own tests, one behind the other: 50 clients leave, and 50 others come at the same moment.
pub(super) fn stock(subject: &Subject) -> anyhow::Result<()> {
    require(subject)?;
    for _ in 0..STOCK_ROUNDS {
        let mut command = Command::new("redis-benchmark");
        command.args(["-p", &subject.address().port().to_string(), "-q", "-c", CLIENTS]);
        command.args(["-t", "ping", "-n", "5000"]);
        let output = process::capture_within(&mut command, LIMIT)?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "redis-benchmark: {}\n{text}", output.status);
    }
    let mut client = subject.connect()?;
    ensure!(reports::stat(&mut client, "connections_refused")? == 0, "a client was refused");
    reports::check(&mut client).map(|_| ())
}

fn require(subject: &Subject) -> anyhow::Result<()> {
    if process::find("redis-benchmark").is_none() {
        return Err(Skip("redis-benchmark is not installed").into());
    }
    if subject.network() != Network::Passt {
        return Err(Skip("50 clients at once need passt").into());
    }
    Ok(())
}

fn load(subject: &Subject, depth: &str, requests: u64, more: &[&str]) -> anyhow::Result<()> {
    require(subject)?;
    let mut client = subject.connect()?;
    let before = Counts::read(&mut client)?;
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &subject.address().port().to_string(), "-q", "-c", CLIENTS, "-P", depth]);
    command.args(["-n", &requests.to_string(), "-r", NAMES]);
    command.args(["VMALLOC", "4096", "NAME", "k:__rand_int__", "REPLACE"]).args(more);
    let output = process::capture_within(&mut command, LIMIT)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.split(['\r', '\n']).map(str::trim).rfind(|line| !line.is_empty());
    process::announce("", line.unwrap_or("redis-benchmark printed nothing"));
    ensure!(output.status.success(), "redis-benchmark: {}\n{text}", output.status);

    let after = Counts::read(&mut client)?;
    let made = after.allocations - before.allocations;
    ensure!(made == requests, "{made} allocations for {requests} requests");
    ensure!(after.failed == before.failed, "{} failed", after.failed - before.failed);
    ensure!((900..=1000).contains(&after.names), "{} names", after.names);
    // Also where the loop runs dry after every request.
    let purges = after.purges - before.purges;
    ensure!(purges * REQUESTS_OF_A_PURGE < requests, "{purges} purges for {requests} requests");
    reports::check(&mut client).map(|_| ())
}

struct Counts {
    allocations: u64,
    failed: u64,
    names: u64,
    purges: u64,
}

impl Counts {
    fn read(client: &mut Client) -> anyhow::Result<Self> {
        Ok(Self {
            allocations: reports::stat(client, "allocations")?,
            failed: reports::stat(client, "allocations_failed")?,
            names: reports::integer(client.call(&["DBSIZE"])?)?,
            purges: reports::stat(client, "purges")?,
        })
    }
}
