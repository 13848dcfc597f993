//! Tests segments with an old acknowledgment, duplicates, and one lost segment (RFC 9293 section 3.10.7.4,
//! RFC 5681, RFC 6298).

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::packet::Segment;
use crate::test::wire::peer::{Peer, SOON};
use crate::test::wire::segment::{self, Flags, Out};
use crate::test::wire::topology::{self, DEVICE};

/// Length of the value that the peer reads, in bytes.
const VALUE: usize = 40_000;
/// Maximum time of a retransmission after duplicate ACKs, on a busy host.
const FAST: Duration = Duration::from_millis(600);
/// Maximum time of a retransmission after a timeout. The round trip is much shorter than one second, which is
/// the minimum timeout of RFC 6298.
const LATE: Duration = Duration::from_millis(1500);

/// Runs all tests, each on a connection of its own.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("old ACKs", &Boot::plain().uncut(), findings, |_, findings| {
        let mut near = Dial::PLAIN.client(&bed.near, topology::resp())?;
        let value = vec![b'x'; VALUE];
        near.call(&[b"SET".as_slice(), b"k", &value])?;
        for age in [7, 1000] {
            let claim = format!("data in order whose ACK is {age} bytes old is taken");
            findings.expect(&claim, old(bed, age));
        }
        findings.expect("the same segment twice is answered by an ACK", twice(bed));
        findings.expect("three duplicate ACKs bring the lost segment", lost(bed, false));
        findings.expect("a lost segment is sent again after a timeout", lost(bed, true));
        Ok(())
    });
    Ok(())
}

fn open(bed: &Bed<'_>, port: u16) -> anyhow::Result<Peer> {
    let mut peer = Peer::new(&bed.near, DEVICE, port)?;
    peer.open(0x2000_0000)?;
    Ok(peer)
}

fn old(bed: &Bed<'_>, age: u32) -> anyhow::Result<String> {
    let mut peer = open(bed, 24_000 + u16::try_from(age)?)?;
    for _ in 0..age.div_ceil(7) {
        ensure!(peer.pongs()?.0, "no PONG at first");
    }
    let ack = peer.ack.wrapping_sub(age);
    peer.push(Out::data(b"PING\r\n").acknowledging(ack))?;
    let answers = peer.wait_for(|segment| !segment.data.is_empty())?;
    ensure!(answers.iter().any(|answer| !answer.data.is_empty()), "{}", segment::show(&answers));
    peer.reset()?;
    Ok(segment::show(&answers))
}

fn twice(bed: &Bed<'_>) -> anyhow::Result<String> {
    let mut peer = open(bed, 24_100)?;
    let before = peer.seq;
    ensure!(peer.pongs()?.0, "no PONG at first");
    peer.send(Out::data(b"PING\r\n").at(before))?;
    let answers = peer.wait_for(|_| true)?;
    let next = peer.seq;
    let is_right =
        |answer: &Segment| answer.data.is_empty() && answer.header.acknowledgment_number == next;
    ensure!(answers.iter().any(is_right), "{}", segment::show(&answers));
    peer.reset()?;
    Ok(segment::show(&answers))
}

/// Ignores the first segment of a reply. If `is_silent`, the peer sends no duplicate ACKs, so that the server
/// can detect the loss only by its timeout.
fn lost(bed: &Bed<'_>, is_silent: bool) -> anyhow::Result<String> {
    let mut peer = open(bed, 24_200 + u16::from(is_silent))?;
    for _ in 0..10 {
        ensure!(peer.pongs()?.0, "no PONG at first");
    }
    let first = peer.ack;
    peer.push(Out::data(b"GET k\r\n"))?;
    let start = Instant::now();
    let limit = if is_silent { LATE } else { FAST };
    let mut seen = 0;
    let is_first =
        |segment: &Segment| segment.header.sequence_number == first && !segment.data.is_empty();
    let mut segments = peer.gather(SOON, is_first)?;
    ensure!(segments.iter().any(is_first), "no reply: {}", segment::show(&segments));
    while start.elapsed() < SOON * 2 {
        segments = peer.gather(Duration::from_millis(50), |_| true)?;
        let Some(segment) = segments.first() else { continue };
        if is_first(segment) {
            let took = start.elapsed();
            peer.reset()?;
            ensure!(took < limit, "after {took:?} and {seen} segments after it");
            return Ok(format!("after {:.3} s and {seen} segments after it", took.as_secs_f64()));
        }
        seen += 1;
        if !is_silent {
            peer.send(Out::new(Flags::ACK).acknowledging(first))?;
        }
    }
    None.context(format!("not in {:?}, {seen} segments after it", start.elapsed()))
}
