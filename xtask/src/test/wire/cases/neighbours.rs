//! Tests more neighbours than a small cache can hold, neighbours that do not exist, and neighbours that
//! change.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::Frames;
use crate::test::wire::namespace::Namespace;
use crate::test::wire::packet::{Arp, BROADCAST};
use crate::test::wire::peer::Peer;
use crate::test::wire::pings::{self, Times};
use crate::test::wire::segment::{Flags, Out};
use crate::test::wire::topology::{self, DEVICE, GUEST, HOST};

/// Number of clients at the same time.
const CLIENTS: u8 = 40;
/// The last byte of the first client's address.
const FIRST: u8 = 100;
/// Maximum time for which a client waits. The next constant is the number of clients without a reply that
/// proves a fault.
const LIMIT: Duration = Duration::from_secs(10);
const STARVED_MAX: usize = 2;
/// An answer that takes longer than this, and much longer than that of the control, is a fault.
const SLOW: Duration = Duration::from_millis(500);
/// The pause between two SYNs from addresses that do not exist: 100 SYNs per second.
const ABSENT: Duration = Duration::from_millis(10);

/// Compares clients that share one address with clients that have an address each.
pub(super) fn many(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    for count in [9, CLIENTS] {
        let title = format!("{count} clients from {count} addresses");
        compare(bed, findings, &title, count, false);
    }
    Ok(())
}

/// Makes the same comparison while SYNs arrive from addresses that no station has.
pub(super) fn absent(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    for count in [2, CLIENTS] {
        let title = format!("{count} clients, 100 SYNs a second of absent peers");
        compare(bed, findings, &title, count, true);
    }
    Ok(())
}

/// Measures clients with one address and clients with many addresses, and judges the second measurement by
/// the first.
fn compare(bed: &Bed<'_>, findings: &mut Findings, claim: &str, count: u8, has_absent: bool) {
    bed.serve(claim, &Boot::plain(), findings, |_, findings| {
        let time = bed.seconds(10, 60);
        let addresses: Vec<_> =
            (0..count).map(|number| Ipv4Addr::new(10, 0, 2, FIRST + number)).collect();
        addresses.iter().try_for_each(|&address| bed.add(address))?;
        let one = vec![HOST; usize::from(count)];
        let (control, control_connects) = measure(bed, &one, time / 2, false)?;
        Findings::note(&format!("one address: {control}; connects: {control_connects}"));
        let (seen, connects) = measure(bed, &addresses, time, has_absent)?;
        let slowest = SLOW.max(control.max() * 2);
        let is_right = seen.over(slowest) == 0 && connects.over(SLOW) == 0;
        findings.judge(claim, is_right, format!("{seen}; connects: {connects}"));
        Ok(())
    });
}

fn measure(
    bed: &Bed<'_>,
    addresses: &[Ipv4Addr],
    time: Duration,
    has_absent: bool,
) -> anyhow::Result<(Times, Times)> {
    let over = AtomicBool::new(false);
    let frames = Frames::open(&bed.near, DEVICE)?;
    thread::scope(|scope| {
        if has_absent {
            scope.spawn(|| strangers(&frames, ABSENT, &over));
        }
        let connected = connect(&bed.near, addresses);
        let measured = connected.map(|(streams, connects)| (pings::run(&streams, time), connects));
        over.store(true, Ordering::Relaxed);
        measured
    })
}

fn connect(
    namespace: &Namespace,
    addresses: &[Ipv4Addr],
) -> anyhow::Result<(Vec<TcpStream>, Times)> {
    let (mut streams, mut times) = (Vec::new(), Vec::new());
    for &address in addresses {
        if times.len() - streams.len() > STARVED_MAX {
            break;
        }
        let start = Instant::now();
        let stream = Dial::from(address, 0).within(LIMIT).stream(namespace, topology::resp());
        times.push(start.elapsed());
        // A client that could not connect has waited for its time limit. The judgment includes it.
        streams.extend(stream.ok());
    }
    Ok((streams, Times::new(times)))
}

/// Sends SYNs from addresses that no station on the link has, until the end of the case.
pub(super) fn strangers(frames: &Frames, every: Duration, over: &AtomicBool) {
    let mac = [2, 0, 0, 0, 0, 0x99];
    let ends = |last| crate::test::wire::packet::Ends {
        from_mac: mac,
        to_mac: crate::test::wire::frames::GUEST_MAC,
        from: Ipv4Addr::new(10, 0, 2, 200 + last),
        to: GUEST,
    };
    let mut number = 0_u16;
    while !over.load(Ordering::Relaxed) {
        number = number.wrapping_add(1);
        let last = u8::try_from(number % 40).unwrap_or_default();
        let mut header =
            etherparse::TcpHeader::new(1024 + number % 60_000, 7379, number.into(), 1000);
        header.syn = true;
        let frame = ends(last).tcp(header, &[]);
        let _ = frame.map(|frame| frames.send(&frame));
        thread::sleep(every);
    }
}

/// Tests a neighbour that continues with another Ethernet address.
pub(super) fn changed(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("another Ethernet address", &Boot::plain(), findings, |_, findings| {
        // RFC 826: every ARP packet of the sender updates its existing entry.
        let announced = |peer: &Peer| {
            let packet = Arp::announcement(peer.mac, peer.address);
            Ok(peer.frames.send(&packet.frame(peer.mac, BROADCAST)?)?)
        };
        let asked = |peer: &Peer| {
            let packet =
                Arp { operation: 1, sender_mac: peer.mac, sender: peer.address, target: GUEST };
            Ok(peer.frames.send(&packet.frame(peer.mac, BROADCAST)?)?)
        };
        let short = Duration::from_secs(2);
        change(bed, findings, "announced by a gratuitous request", 1, short, announced)?;
        change(bed, findings, "seen in a request of the neighbour", 2, short, asked)?;
        // RFC 1122 section 2.3.2.1: the server must detect that an entry is stale.
        let long = Duration::from_secs(20);
        change(bed, findings, "seen in its packets only", 3, long, |_| Ok(()))
    });
    Ok(())
}

fn change(
    bed: &Bed<'_>,
    findings: &mut Findings,
    claim: &str,
    number: u8,
    limit: Duration,
    tell: impl Fn(&Peer) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let address = Ipv4Addr::new(10, 0, 2, 60 + number);
    let port = 23_000 + u16::from(number);
    let mut peer = Peer::at(&bed.near, DEVICE, address, [2, 0, 0, 0, 1, number], port)?;
    peer.open(1000)?;
    anyhow::ensure!(peer.pongs()?.0, "no PONG before the change");
    peer.mac = [2, 0, 0, 0, 2, number];
    tell(&peer)?;
    let start = Instant::now();
    peer.push(Out::data(b"PING\r\n"))?;
    let mac = peer.mac;
    let answers = peer.gather(limit, |segment| segment.to_mac == mac)?;
    let found = answers.iter().any(|segment| segment.to_mac == mac);
    let took = start.elapsed().as_secs_f64();
    let seen = if found { format!("after {took:.2} s") } else { format!("not in {took:.0} s") };
    findings.judge(claim, found, seen);
    peer.send(Out::new(Flags::RST))
}
