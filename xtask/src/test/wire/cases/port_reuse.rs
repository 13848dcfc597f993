//! Tests a port that a client reuses while the server still has the old connection (RFC 9293 sections 3.6.1
//! and 3.10.7.4, RFC 5961 section 4, RFC 6191).

use std::io::{self, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::peer::{Peer, QUIET, SOON};
use crate::test::wire::segment::{self, Flags, Out};
use crate::test::wire::topology::{self, DEVICE, HOST};

/// Number of connections from the same port.
const ROUNDS: usize = 4;
/// Maximum time of a connect without a retransmitted SYN, on a busy host.
const CONNECT: Duration = Duration::from_millis(700);
/// Maximum time of a connect after a challenge ACK, because of which the client must send its SYN a second
/// time.
const CHALLENGED: Duration = Duration::from_secs(4);

/// A function that ends a connection in a certain way.
type End = fn(&mut TcpStream) -> io::Result<()>;

/// The ways to end a connection: the name, whether the client uses HTTP, and the function. The client's own
/// FIN is not included: after it, the client's kernel keeps the port in use unless timestamps distinguish old
/// segments from new ones, and the image sends no timestamps.
const ENDS: &[(&str, bool, End)] = &[
    ("QUIT", false, |stream| to_end(stream, b"QUIT\r\n")),
    ("a protocol error", false, |stream| to_end(stream, b"*1\r\nX\r\n")),
    ("a POST at RESP", false, |stream| to_end(stream, b"POST / HTTP/1.1\r\n")),
    ("HTTP/1.0", true, |stream| to_end(stream, b"GET /healthz HTTP/1.0\r\n\r\n")),
    ("the client's RST", false, |stream| {
        stream.write_all(b"PING\r\n")?;
        stream.read_exact(&mut [0; 7])?;
        sys::reset_on_close(stream)
    }),
];

fn to_end(stream: &mut TcpStream, words: &[u8]) -> io::Result<()> {
    stream.write_all(words)?;
    stream.read_to_end(&mut Vec::new()).map(|_| ())
}

/// Tests a client that uses the kernel's TCP, with and without timestamps.
pub(super) fn kernel(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("ports used again", &Boot::plain(), findings, |server, findings| {
        for timestamps in ["1", "0"] {
            bed.near.set("tcp_timestamps", timestamps)?;
            for (number, &(name, by_http, end)) in ENDS.iter().enumerate() {
                if by_http && !server.is_image() {
                    continue;
                }
                let to = if by_http { topology::http() } else { topology::resp() };
                let port = 41_000 + u16::try_from(number)?;
                let claim = format!("after {name}, timestamps {timestamps}");
                reuse(bed, findings, &claim, port, to, end);
            }
        }
        Ok(())
    });
    let refused = Boot::plain().line("clients=1");
    if bed.is_control {
        return Ok(());
    }
    bed.serve("ports of refused clients", &refused, findings, |_, findings| {
        let kept = Dial::PLAIN.stream(&bed.near, topology::resp())?;
        let end: End = |stream| stream.read_to_end(&mut Vec::new()).map(|_| ());
        reuse(bed, findings, "after a refusal", 41_010, topology::resp(), end);
        drop(kept);
        Ok(())
    });
    Ok(())
}

fn reuse(
    bed: &Bed<'_>,
    findings: &mut Findings,
    claim: &str,
    port: u16,
    to: SocketAddrV4,
    end: End,
) {
    let mut times = Vec::new();
    let dial = Dial::from(HOST, port).within(Duration::from_secs(15));
    let mut round = || -> anyhow::Result<()> {
        let start = Instant::now();
        let stream = dial.stream(&bed.near, to);
        times.push(format!("{}", start.elapsed().as_millis()));
        end(&mut stream?)?;
        anyhow::ensure!(start.elapsed() < CONNECT + SOON, "slow");
        // The kernel's end of the connection is in LAST-ACK for a short time.
        thread::sleep(Duration::from_millis(150));
        Ok(())
    };
    let outcome = (0..ROUNDS).try_for_each(|_| round());
    let is_right = outcome.is_ok() && times.iter().all(|time| time.len() < 4 && !is_slow(time));
    let error = outcome.err().map(|error| format!(", {error:#}")).unwrap_or_default();
    findings.judge(claim, is_right, format!("connects after {} ms{error}", times.join(" ")));
}

fn is_slow(milliseconds: &str) -> bool {
    milliseconds.parse().is_ok_and(|time| Duration::from_millis(time) > CONNECT)
}

/// A function that brings the connection into a certain state.
type Reach = fn(&mut Peer) -> anyhow::Result<()>;

/// The states of the server's connection, each with the function that leads to the state.
const STATES: &[(&str, Reach)] = &[
    ("ESTABLISHED", |_| Ok(())),
    ("LAST-ACK", |peer| {
        // The peer does not acknowledge the FIN of the server.
        peer.push(Out::new(Flags::FIN_ACK))?;
        peer.wait_for(|segment| segment.header.fin).map(|_| ())
    }),
    ("FIN-WAIT-1", |peer| quit(peer).map(|_| ())),
    ("FIN-WAIT-2", |peer| quit(peer).and_then(|()| peer.send(Out::new(Flags::ACK)))),
    ("CLOSING", |peer| {
        let before = peer.ack;
        quit(peer)?;
        peer.push(Out::new(Flags::FIN_ACK).acknowledging(before))
    }),
    ("TIME-WAIT", |peer| {
        quit(peer)?;
        peer.push(Out::new(Flags::FIN_ACK))?;
        peer.drain(QUIET).map(|_| ())
    }),
];

/// Makes the server close the connection. The peer receives the FIN, but does not acknowledge it.
fn quit(peer: &mut Peer) -> anyhow::Result<()> {
    peer.push(Out::data(b"QUIT\r\n"))?;
    let segments = peer.wait_for(|segment| segment.header.fin)?;
    peer.take(&segments);
    Ok(())
}

/// In each state, sends a SYN with a newer and a SYN with an older sequence number.
pub(super) fn states(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("a SYN in each state", &Boot::plain(), findings, |_, findings| {
        let mut port = 20_000;
        for &(name, reach) in STATES {
            for is_newer in [true, false] {
                port += 1;
                let age = if is_newer { "newer" } else { "older" };
                let claim = format!("a SYN with {age} number in {name}");
                let outcome = state(bed, port, reach, is_newer, name == "TIME-WAIT");
                findings.expect(&claim, outcome);
            }
        }
        for is_same in [true, false] {
            let text = if is_same { "the same SYN" } else { "a SYN with another number" };
            let claim = format!("{text} in SYN-RECEIVED is answered");
            let mut peer = Peer::new(&bed.near, DEVICE, 21_000 + u16::from(is_same))?;
            peer.knock(5000)?;
            let isn = if is_same { 5000 } else { 77_000 };
            peer.send(Out::new(Flags::SYN).at(isn))?;
            let answers = peer.wait_for(|_| true)?;
            findings.judge(&claim, !answers.is_empty(), segment::show(&answers));
            peer.reset()?;
        }
        Ok(())
    });
    Ok(())
}

/// Behaves like the client's kernel: answers a challenge ACK with a RST, and sends the SYN again after one
/// second.
fn state(
    bed: &Bed<'_>,
    port: u16,
    reach: Reach,
    is_newer: bool,
    is_over: bool,
) -> anyhow::Result<String> {
    let mut peer = Peer::new(&bed.near, DEVICE, port)?;
    peer.open(0x4000_0000)?;
    reach(&mut peer)?;
    let far = if is_newer { 100_000 } else { 100_000_u32.wrapping_neg() };
    let isn = peer.seq.wrapping_add(far);
    let start = Instant::now();
    let mut flow = Vec::new();
    for attempt in 0..4 {
        peer.send(Out::new(Flags::SYN).at(isn))?;
        let answers =
            peer.gather(Duration::from_secs(1), |answer| answer.flags() == Flags::SYN_ACK)?;
        flow.push(segment::show(&answers));
        let is_open = |answer: &crate::test::wire::packet::Segment| {
            let next = isn.wrapping_add(1);
            answer.flags() == Flags::SYN_ACK && answer.header.acknowledgment_number == next
        };
        if let Some(answer) = answers.iter().find(|answer| is_open(answer)) {
            peer.send(Out::new(Flags::RST).at(isn.wrapping_add(1)))?;
            let took = start.elapsed();
            // RFC 6191: a SYN with a newer sequence number ends TIME-WAIT immediately.
            let limit = if is_over && is_newer { CONNECT } else { CHALLENGED };
            anyhow::ensure!(took < limit, "opened after {took:?}: {}", flow.join("; "));
            return Ok(format!("opened after {:.2} s, {}", took.as_secs_f64(), answer.flags()));
        }
        anyhow::ensure!(attempt > 0 || !answers.is_empty(), "silence: {}", flow.join("; "));
        for answer in answers.iter().filter(|answer| answer.flags().has(Flags::ACK)) {
            peer.send(Out::new(Flags::RST).at(answer.header.acknowledgment_number))?;
        }
    }
    anyhow::bail!("not opened: {}", flow.join("; "))
}
