//! Uses `redis-benchmark` as a load, and checks the image's counters afterwards.

use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::http;
use super::subject::Subject;
use crate::listen_backlog;
use crate::network::Network;
use crate::process;
use crate::resp::Client;
use crate::test::reports;
use crate::test::tally::Skip;

const LIMIT: Duration = Duration::from_secs(180);
const CLIENTS: &str = "50";
const STOCK_ROUNDS: usize = 6;
const DEEP_ROUNDS: usize = 3;
/// Number of names. It is small, so that a random choice of names leaves some of them unused.
const NAMES: &str = "1000";
/// Minimum number of requests per purge: purges are at least 10 ms apart, and a request takes at most 1 ms.
const REQUESTS_OF_A_PURGE: u64 = 10;

/// Replaces 200,000 regions with 16 requests in flight. Allocation failures would be nulls.
pub(super) fn soft(subject: &Subject) -> anyhow::Result<()> {
    load(subject, "16", 200_000, &["SOFT"])
}

/// Does the same as [`soft`], but an allocation failure would end the benchmark.
pub(super) fn hard(subject: &Subject) -> anyhow::Result<()> {
    load(subject, "16", 200_000, &[])
}

/// Replaces regions with one request in flight for each client.
pub(super) fn unpipelined(subject: &Subject) -> anyhow::Result<()> {
    load(subject, "1", 50_000, &["SOFT"])
}

/// Runs the standard tests of `redis-benchmark` one after the other. At the change of tests, 50 clients end
/// while 50 others connect.
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

/// The warning that Redis's benchmark prints about `-k 0`.
const OWN_WARNING: &str = "WARNING: Keepalive disabled. ";

/// Runs 200 clients, on one thread and on two, and with 64 requests in flight for each client.
pub(super) fn many(subject: &Subject) -> anyhow::Result<()> {
    require(subject)?;
    let more = ["-c", "200", "-r", "1000"];
    run(subject, &more, "ping,set,get", 20_000)?;
    run(subject, &[&more[..], &["--threads", "2"]].concat(), "set,get", 20_000)?;
    // passt of 2023 does not report that some clients have ended, so the next clients find no free place.
    if subject.network() != Network::Passt {
        for _ in 0..DEEP_ROUNDS {
            run(subject, &[&more[..], &["-P", "64"]].concat(), "ping,set,get", 64_000)?;
        }
    } else {
        process::announce("", "not done: 200 clients 64 deep need a TAP device");
    }
    let csv = run(subject, &["--csv", "-c", "50"], "ping,set,get", 5000)?;
    let lines: Vec<_> = csv.lines().collect();
    ensure!(lines.len() == 5 && lines[0].starts_with("\"test\",\"rps\","), "--csv prints {csv}");
    for (line, name) in lines[1..].iter().zip(["PING_INLINE", "PING_MBULK", "SET", "GET"]) {
        let fields: Vec<_> = line.split(',').collect();
        ensure!(fields.len() == 8 && fields[0] == format!("\"{name}\""), "--csv prints {csv}");
    }
    let mut client = subject.connect()?;
    ensure!(reports::stat(&mut client, "connections_refused")? == 0, "a client was refused");
    reports::check(&mut client).map(|_| ())
}

/// Runs 64 requests in flight, values of 16 KiB, and a connection for each request. passt of 2023 cannot
/// handle any of these loads.
pub(super) fn few(subject: &Subject) -> anyhow::Result<()> {
    require_program()?;
    run(subject, &["-c", "4", "-P", "64", "-r", "1000"], "ping,set,get", 64_000)?;
    run(subject, &["-c", "1", "-d", "16384", "-r", "10"], "set,get", 2000)?;
    let mut client = subject.connect()?;
    let length = reports::integer(client.call(&["STRLEN", "key:000000000001"])?)?;
    ensure!(length == 16_384, "{length} bytes");
    let before = reports::stat(&mut client, "connections")?;
    run(subject, &["-c", "1", "-k", "0"], "ping", 500)?;
    let made = reports::stat(&mut client, "connections")? - before;
    ensure!(made >= 1000, "{made} connections for 1000 requests");
    reports::check(&mut client).map(|_| ())
}

/// Runs some standard tests of `redis-benchmark`. All requests must succeed, without a warning.
fn run(subject: &Subject, more: &[&str], tests: &str, requests: u64) -> anyhow::Result<String> {
    let names = tests.split(',').map(str::to_uppercase).collect::<Vec<_>>();
    let served = |names: &[String]| {
        names.iter().map(|name| http::served(subject, name)).collect::<anyhow::Result<Vec<_>>>()
    };
    let before = served(&names)?;
    let mut command = Command::new("redis-benchmark");
    let address = subject.address();
    command.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()]);
    command.args(["-q", "-t", tests]);
    command.args(["-n", &requests.to_string()]).args(more);
    let output = process::capture_within(&mut command, LIMIT)?;
    let shown = process::show(&command);
    let text = String::from_utf8(output.stdout)?;
    let said = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{shown}: {}\n{said}", output.status);
    for word in ["WARN", "ERR", "Error", "error"] {
        let bad = said.split(['\r', '\n']).find(|line| {
            line.contains(word) && !(line.starts_with(OWN_WARNING) && more.contains(&"-k"))
        });
        ensure!(bad.is_none(), "{shown}: {}", bad.unwrap_or_default());
    }
    for ((name, before), after) in names.iter().zip(before).zip(served(&names)?) {
        ensure!(after.good - before.good >= requests, "{shown}: fewer {name} than {requests}");
        ensure!(after.bad == before.bad, "{shown}: {} errors of {name}", after.bad - before.bad);
    }
    Ok(text)
}

fn require_program() -> anyhow::Result<()> {
    if process::find("redis-benchmark").is_none() {
        return Err(Skip("redis-benchmark is not installed").into());
    }
    Ok(())
}

fn require(subject: &Subject) -> anyhow::Result<()> {
    require_program()?;
    if subject.network() == Network::User && listen_backlog::try_copy().is_err() {
        return Err(Skip("50 clients at once need a listen backlog above 1").into());
    }
    Ok(())
}

fn load(subject: &Subject, depth: &str, requests: u64, more: &[&str]) -> anyhow::Result<()> {
    require(subject)?;
    let mut client = subject.connect()?;
    let before = RequestCounts::read(&mut client)?;
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &subject.address().port().to_string(), "-q", "-c", CLIENTS, "-P", depth]);
    command.args(["-n", &requests.to_string(), "-r", NAMES]);
    command.args(["VMALLOC", "4096", "NAME", "k:__rand_int__", "REPLACE"]).args(more);
    let output = process::capture_within(&mut command, LIMIT)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.split(['\r', '\n']).map(str::trim).rfind(|line| !line.is_empty());
    process::announce("", line.unwrap_or("redis-benchmark printed nothing"));
    ensure!(output.status.success(), "redis-benchmark: {}\n{text}", output.status);

    let after = RequestCounts::read(&mut client)?;
    let made = after.allocations - before.allocations;
    ensure!(made == requests, "{made} allocations for {requests} requests");
    ensure!(after.failed == before.failed, "{} failed", after.failed - before.failed);
    ensure!((900..=1000).contains(&after.names), "{} names", after.names);
    // The limit holds even if the server loop becomes idle after every request.
    let purges = after.purges - before.purges;
    ensure!(purges * REQUESTS_OF_A_PURGE < requests, "{purges} purges for {requests} requests");
    reports::check(&mut client).map(|_| ())
}

struct RequestCounts {
    allocations: u64,
    failed: u64,
    names: u64,
    purges: u64,
}

impl RequestCounts {
    fn read(client: &mut Client) -> anyhow::Result<Self> {
        Ok(Self {
            allocations: reports::stat(client, "allocations")?,
            failed: reports::stat(client, "allocations_failed")?,
            names: reports::integer(client.call(&["DBSIZE"])?)?,
            purges: reports::stat(client, "purges")?,
        })
    }
}
