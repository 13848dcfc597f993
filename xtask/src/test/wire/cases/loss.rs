//! Tests a link that loses, reorders and duplicates frames. Every byte must be right, and the rate must be
//! comparable to that of Debian's Redis on Linux behind the same link.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::load;
use crate::resp::{Client, Reply};
use crate::test::pattern::bytes;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::impaired::ImpairedNetwork;
use crate::test::wire::namespace::Namespace;
use crate::test::wire::shim::Faults;
use crate::test::wire::topology;
use crate::workload::Random;

/// The link loses 1 % of the frames, delivers 5 % late and 1 % twice. The round trip takes 20 ms.
const FAULTS: Faults =
    Faults { delay: Duration::from_millis(10), lost: 10, overtaken: 50, doubled: 10, bytes_max: 0 };
const SEED: u64 = 5681;
const CLIENTS: usize = 50;
/// Maximum length of the values that a client writes.
const VALUE_MAX: u64 = 4096;
/// Length of the value that one client reads in bytes. The next constant is the number of reads.
const LARGE: usize = 2 << 20;
const READS: u32 = 5;

/// The measured speed of a server.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    /// Number of `SET` and `GET` requests per second, over all clients.
    requests: f64,
    /// Total time of the reads of the large value, in seconds.
    reads: f64,
}

/// Runs the same load on the image and on Linux, and then a load of commands that only the image has.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    let time = bed.seconds(10, 60);
    let other = Bed { near: Namespace::new()?, is_control: true, ..*bed };
    let (mut ours, mut theirs) = (Rates::default(), Rates::default());
    bed.serve("the image", &Boot::plain().bridged(), findings, |_, findings| {
        let far = ImpairedNetwork::new(&bed.near, FAULTS, SEED)?;
        let verified = far.namespace.within(|| {
            let address = SocketAddr::V4(topology::resp());
            load::verified(address, CLIENTS, time)
                .map_err(|error| io::Error::other(format!("{error:#}")))
        });
        let verified = verified.map(|rate| format!("{rate:.0} replies a second"));
        findings.expect("a load whose every byte is checked", verified.map_err(Into::into));
        ours = measure(&far.namespace, time)?;
        Ok(())
    });
    other.serve("Linux", &Boot::plain().bridged(), findings, |_, _| {
        let far = ImpairedNetwork::new(&other.near, FAULTS, SEED)?;
        theirs = measure(&far.namespace, time)?;
        Ok(())
    });
    let seen = format!("{:.0} a second, Linux {:.0}", ours.requests, theirs.requests);
    let is_right = theirs.requests > 0.0 && ours.requests * 2.0 >= theirs.requests;
    findings.judge("SET and GET at least half as quick as Linux", is_right, seen);
    let seen = format!("{:.2} s, Linux {:.2} s", ours.reads, theirs.reads);
    let is_right = ours.reads > 0.0 && ours.reads <= (theirs.reads * 4.0).max(2.0);
    findings.judge("GET of 2 MiB", is_right, seen);
    Ok(())
}

fn measure(namespace: &Namespace, time: Duration) -> anyhow::Result<Rates> {
    let done = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        let client = |number| {
            let done = &done;
            scope.spawn(move || work(namespace, number, start + time, done))
        };
        let threads: Vec<_> = (0..CLIENTS as u64).map(client).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client panicked")))
        })
    })?;
    let requests = load::rate(done.load(Ordering::Relaxed), start.elapsed());
    let mut client = connect(namespace)?;
    client.call(&[b"SET".as_slice(), b"large", &bytes(LARGE, 0)])?;
    let start = Instant::now();
    for _ in 0..READS {
        same(client.call(&["GET", "large"])?, &bytes(LARGE, 0))?;
    }
    Ok(Rates { requests, reads: (start.elapsed() / READS).as_secs_f64() })
}

fn connect(namespace: &Namespace) -> anyhow::Result<Client> {
    let dial = Dial::PLAIN.within(Duration::from_secs(60));
    dial.client(namespace, topology::resp()).context("cannot connect")
}

/// Sets a value and reads it back, repeatedly until `end`.
fn work(namespace: &Namespace, number: u64, end: Instant, done: &AtomicU64) -> anyhow::Result<()> {
    let mut client = connect(namespace)?;
    let mut random = Random::new(SEED, number + 1);
    let key = format!("loss:{number}");
    while Instant::now() < end {
        let seed = usize::try_from(random.below(251))?;
        let value = bytes(usize::try_from(1 + random.below(VALUE_MAX))?, seed);
        let reply = client.call(&[b"SET".as_slice(), key.as_bytes(), &value])?;
        ensure!(reply == Reply::Status("OK".to_owned()), "{}", reply.terminal());
        same(client.call(&["GET", &key])?, &value)?;
        done.fetch_add(2, Ordering::Relaxed);
    }
    Ok(())
}

fn same(reply: Reply, value: &[u8]) -> anyhow::Result<()> {
    let Reply::Bulk(Some(found)) = reply else { anyhow::bail!("no value") };
    ensure!(found == value, "other bytes");
    Ok(())
}
