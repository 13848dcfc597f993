//! Tests distant clients that connect during a flood of SYNs (RFC 4987).

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etherparse::TcpHeader;

use crate::load;
use crate::resp::Reply;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::{Frames, GUEST_MAC};
use crate::test::wire::impaired::ImpairedNetwork;
use crate::test::wire::packet::Ends;
use crate::test::wire::pings::Times;
use crate::test::wire::shim::Faults;
use crate::test::wire::topology::{self, DEVICE, GUEST};
use crate::workload::Random;

/// Number of SYNs in a burst. The next constant is the pause between bursts. The rate is 5,000 SYNs per
/// second.
const BURST: u64 = 50;
const EVERY: Duration = Duration::from_millis(10);
/// Time for which the flood lasts before the first client connects.
const FILLED: Duration = Duration::from_secs(3);
/// Number of clients, which connect one after the other.
const CLIENTS: usize = 10;
/// Maximum time of one client: a handshake and a `PING`, with one lost packet.
const LIMIT: Duration = Duration::from_secs(5);

/// Tests clients with round trips of 30 ms and of 300 ms.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    for round_trip in [30, 300] {
        let claim = format!("clients with a round trip of {round_trip} ms connect");
        bed.serve(&claim, &Boot::plain().bridged(), findings, |_, findings| {
            let delay = Duration::from_millis(round_trip) / 2;
            let far = ImpairedNetwork::new(&bed.near, Faults { delay, ..Faults::default() }, 1)?;
            let frames = Frames::open(&bed.near, DEVICE)?;
            let (is_over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
            let start = Instant::now();
            let outcomes = thread::scope(|scope| {
                scope.spawn(|| flood(&frames, &is_over, &sent));
                thread::sleep(FILLED);
                let outcomes: Vec<_> = (0..CLIENTS).map(|_| visit(&far)).collect();
                is_over.store(true, Ordering::Relaxed);
                outcomes
            });
            let rate = load::rate(sent.load(Ordering::Relaxed), start.elapsed());
            let served: Vec<_> =
                outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
            let times = Times::new(served.iter().map(|&&time| time).collect());
            let error = outcomes.iter().find_map(|outcome| outcome.as_ref().err());
            let error = error.map(|error| format!(", {error:#}")).unwrap_or_default();
            let seen =
                format!("{} of {CLIENTS} at {rate:.0} SYNs a second, {times}{error}", served.len());
            findings.judge(&claim, served.len() == CLIENTS, seen);
            Ok(())
        });
    }
    Ok(())
}

/// Connects and sends a `PING`. Returns the time until the reply.
fn visit(far: &ImpairedNetwork) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut client = Dial::PLAIN.within(LIMIT).client(&far.namespace, topology::resp())?;
    let reply = client.call(&["PING"])?;
    anyhow::ensure!(reply == Reply::Status("PONG".to_owned()), "{}", reply.terminal());
    Ok(start.elapsed())
}

/// Sends SYNs from random addresses until `is_over` is set.
fn flood(frames: &Frames, is_over: &AtomicBool, sent: &AtomicU64) {
    let mut random = Random::new(4987, 0);
    let mut due = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..BURST {
            let _ = frames.send(&syn(&mut random));
        }
        sent.fetch_add(BURST, Ordering::Relaxed);
        due += EVERY;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn syn(random: &mut Random) -> Vec<u8> {
    let [a, b, c, p, q, ..] = random.next().to_le_bytes();
    let from = Ipv4Addr::new(11 + a % 100, b, c, 1 + p % 250);
    let from_mac = [2, 0, 0, 0, 0, 0x99];
    let port = 1024 + u16::from_le_bytes([p, q]) % 60_000;
    let isn = u32::try_from(random.below(u64::from(u32::MAX))).unwrap_or_default();
    let mut header = TcpHeader::new(port, runtime_config::ports::RESP, isn, 64_000);
    header.syn = true;
    Ends { from_mac, to_mac: GUEST_MAC, from, to: GUEST }.tcp(header, &[]).unwrap_or_default()
}
