//! The common uses of a network: one client, fifty clients, simultaneous connects, large values, and silence.
//! The case runs on each kind of network that the tool supports. Only ratios and time limits are checked.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};

use super::subject::Subject;
use crate::network::Network;
use crate::resp::{Client, Reply};
use crate::test::pattern::bytes;
use crate::test::reports;

/// The kernel command line. The interval of keepalive probes is short, so that a short silence has several.
pub(super) const LINE: &str = "tcp-keepalive=1";

/// A client that waits longer than this has stalled.
const HANG: Duration = Duration::from_secs(30);
/// Duration of a silence in which six probes are sent.
const SILENCE: Duration = Duration::from_secs(7);
/// Maximum time of a 64 KiB value, as a multiple of the time of one packet. The value has 45 packets. A
/// network that waits for the acknowledgement of each packet takes hundreds of times as long.
const STOPPED_RATIO: u32 = 150;
const CONNECTS: usize = 250;
const CLIENTS: usize = 50;
/// Maximum number of clients that passt may reset.
const PASST_RESETS_MAX: usize = 2;

/// Runs all uses, one after the other.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut quiet = subject.connect()?;
    ping(&mut quiet)?;
    one_client(subject).context("one client")?;
    fifty_clients(subject).context("50 clients")?;
    connects(subject).context("250 connects at once")?;
    values(subject).context("large values")?;
    silence(subject, &mut quiet).context("a silent client")
}

/// Transfers a value of 64 KiB to one client. The transfer must not stall.
fn one_client(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    let value = bytes(64 << 10, 0);
    for size in [64, 4096, 8192, 16 << 10, 64 << 10] {
        set(&mut client, "k", &value[..size])?;
        get(&mut client, "k", &value[..size])?;
    }
    let short = median(|| ping(&mut client))?;
    let long = median(|| get(&mut client, "k", &value))?;
    // passt of 2023 asks the kernel only every 50 ms how many bytes the client has acknowledged.
    let is_stopped = long >= short * STOPPED_RATIO && subject.network() != Network::Passt;
    ensure!(!is_stopped, "64 KiB take {long:?}, a PING {short:?}");
    Ok(())
}

/// Serves fifty clients at the same time. passt of 2023 was observed to reset one of them on a busy host, so
/// a few clients may reconnect on passt.
fn fifty_clients(subject: &Subject) -> anyhow::Result<()> {
    let (value, address) = (bytes(16 << 10, 0), subject.address());
    let resets_max = if subject.network() == Network::Passt { PASST_RESETS_MAX } else { 0 };
    let resets = AtomicUsize::new(0);
    let work = |number: usize, client: &mut Client| {
        let name = format!("client:{number}");
        for _ in 0..20 {
            set(client, &name, &value)?;
        }
        get(client, &name, &value)
    };
    together(address, CLIENTS, |number, client| match work(number, client) {
        Err(error) if is_reset(&error) && resets.fetch_add(1, Ordering::Relaxed) < resets_max => {
            *client = Client::connect(address)?;
            work(number, client)
        }
        outcome => outcome,
    })
}

fn is_reset(error: &anyhow::Error) -> bool {
    let error = error.root_cause().downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

fn connects(subject: &Subject) -> anyhow::Result<()> {
    // The host's end of a connection may exist slightly longer than the client's.
    let mut client = subject.connect()?;
    let limit = Instant::now() + HANG;
    while reports::stat(&mut client, "clients")? > 2 {
        ensure!(Instant::now() < limit, "clients that have left are still connected");
        std::thread::sleep(Duration::from_millis(20));
    }
    together(subject.address(), CONNECTS, |_, client| ping(client))
}

fn values(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    let value = bytes(8 << 20, 0);
    for size in [64 << 10, 1 << 20, 8 << 20] {
        set(&mut client, "large", &value[..size])?;
        for start in (0..size).step_by(512 << 10) {
            let end = size.min(start + (512 << 10));
            let words = ["GETRANGE", "large", &start.to_string(), &(end - 1).to_string()];
            let reply = client.call(&words)?;
            ensure!(reply == Reply::Bulk(Some(value[start..end].to_vec())), "bytes from {start}");
        }
        get(&mut client, "large", &value[..size])?;
    }
    client.call(&["DEL", "large"])?;
    Ok(())
}

/// A silent client must stay connected, even one that has never sent any bytes.
fn silence(subject: &Subject, quiet: &mut Client) -> anyhow::Result<()> {
    let mut unused = subject.connect()?;
    std::thread::sleep(SILENCE);
    ping(quiet)?;
    // passt of 2023 resets such a connection after 24 s. Before that, the connection must be served.
    ping(&mut unused)?;
    let ended = reports::stat(quiet, "ended_timed_out")?;
    ensure!(ended == 0, "{ended} clients timed out on {}", subject.network());
    Ok(())
}

/// Connects clients simultaneously. Each does its work on a thread of its own.
fn together(
    address: SocketAddr,
    count: usize,
    act: impl Fn(usize, &mut Client) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let start = Barrier::new(count);
    let run = |number: usize| {
        start.wait();
        let begun = Instant::now();
        let mut client = Client::connect(address)?;
        act(number, &mut client)?;
        ensure!(begun.elapsed() < HANG, "client {number} took {:?}", begun.elapsed());
        Ok(client)
    };
    let run = &run;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || run(number))).collect();
        // All clients stay connected until the last client has been served.
        let clients: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a client panicked"))))
            .collect::<anyhow::Result<_>>()?;
        ensure!(clients.len() == count, "{} clients of {count}", clients.len());
        Ok(())
    })
}

fn median(mut act: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..41 {
        let begun = Instant::now();
        act()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

fn ping(client: &mut Client) -> anyhow::Result<()> {
    let reply = client.call(&["PING"])?;
    ensure!(reply == Reply::Status("PONG".to_owned()), "{}", reply.terminal().trim_end());
    Ok(())
}

fn set(client: &mut Client, name: &str, value: &[u8]) -> anyhow::Result<()> {
    let reply = client.call(&[b"SET", name.as_bytes(), value])?;
    ensure!(reply == Reply::Status("OK".to_owned()), "{}", reply.terminal().trim_end());
    Ok(())
}

fn get(client: &mut Client, name: &str, value: &[u8]) -> anyhow::Result<()> {
    let reply = client.call(&["GET", name])?;
    ensure!(reply == Reply::Bulk(Some(value.to_vec())), "GET {name}: {} bytes differ", value.len());
    Ok(())
}
