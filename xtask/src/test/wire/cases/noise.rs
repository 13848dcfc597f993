//! Sends random and mutated frames. The server must stay alive, pass an audit, and answer.

use std::thread;
use std::time::{Duration, Instant};

use etherparse::{TcpHeader, TcpOptionElement};
use runtime_config::ports;

use crate::test::reports;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::{Frames, GUEST_MAC};
use crate::test::wire::packet::{Arp, BROADCAST, Ends, Part};
use crate::test::wire::peer::Peer;
use crate::test::wire::pings;
use crate::test::wire::segment::{Flags, Out};
use crate::test::wire::server::patient;
use crate::test::wire::topology::{self, DEVICE, GUEST};
use crate::workload::Random;

/// Number of frames between two reads of the clock. The next constant is the pause in which the server
/// catches up.
const BURST: u32 = 64;
const PAUSE: Duration = Duration::from_millis(5);
/// The seed of the random choices.
const SEED: u64 = 15;

/// Sends random frames while a client sends pings.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("noise", &Boot::plain(), findings, |server, findings| {
        let time = bed.seconds(20, 600);
        let client = Dial::PLAIN.stream(&bed.near, topology::resp())?;
        let (times, frames) = thread::scope(|scope| {
            let noise = scope.spawn(|| send(bed, time));
            let times = pings::run(&[client], time);
            let sent = noise.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")));
            sent.map(|frames| (times, frames))
        })?;
        findings.judge("the server runs", server.runs()?, format!("{frames} frames"));
        Findings::note(&format!("a client at the same time: {times}"));
        let outcome = patient(&bed.near, topology::resp())
            .and_then(|mut observer| reports::check(&mut observer));
        findings.expect("VCHECK", outcome);
        let after = Dial::PLAIN.stream(&bed.near, topology::resp())?;
        let times = pings::run(&[after], Duration::from_secs(5));
        findings.judge("PING afterwards", times.quantile(990) < Duration::from_millis(100), &times);
        Ok(())
    });
    Ok(())
}

fn send(bed: &Bed<'_>, time: Duration) -> anyhow::Result<u64> {
    let frames = Frames::open(&bed.near, DEVICE)?;
    let mut peer = Peer::new(&bed.near, DEVICE, 29_000)?;
    let mut random = Random::new(SEED, 0);
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < time {
        // On average every tenth burst opens a connection, so that mutated segments may belong to a
        // connection.
        if random.is_one_in(10) {
            peer.port = 29_000 + u16::try_from(random.below(1000))?;
            let _ = peer.knock(u32::try_from(random.below(1 << 32))?);
            peer.send(Out::new(Flags::ACK))?;
        }
        for _ in 0..BURST {
            let frame = frame(&mut random, &peer)?;
            // The kernel refuses some frames, for example those without a header. They are not counted.
            sent += u64::from(frames.send(&frame).is_ok());
        }
        thread::sleep(PAUSE);
    }
    Ok(sent)
}

/// Chooses the next frame.
fn frame(random: &mut Random, peer: &Peer) -> anyhow::Result<Vec<u8>> {
    let kind = random.below(8);
    let mut frame = match kind {
        0 => bytes(random, 1514),
        1 => {
            let data = bytes(random, 1400);
            let part = part(random);
            peer.ends().raw(byte(random), part, &data)?
        }
        2 => {
            let sender = u32::try_from(random.below(1 << 32))?.into();
            let sender_mac = [byte(random), 0, 0, 0, 0, byte(random)];
            let operation = u16::try_from(random.below(4))?;
            Arp { operation, sender_mac, sender, target: GUEST }.frame(sender_mac, BROADCAST)?
        }
        3 => peer.ends().udp(67, 68, &bytes(random, 600))?,
        4 => {
            let part = part(random);
            peer.ends().raw(1, part, &bytes(random, 200))?
        }
        _ => segment(random, peer)?,
    };
    if kind == 0 {
        frame.splice(..12.min(frame.len()), [GUEST_MAC, peer.mac].concat());
    }
    if random.is_one_in(3) && frame.len() > 14 {
        // The Ethernet address is not changed, so that the server parses the rest of the frame.
        for _ in 0..=random.below(4) {
            let at = 12 + random.index(frame.len() - 12).unwrap_or_default();
            frame[at] ^= 1 << random.below(8);
        }
    }
    if random.is_one_in(10) {
        let length = random.index(frame.len()).unwrap_or_default().max(14);
        frame.truncate(length);
    }
    Ok(frame)
}

/// Returns a segment with correct checksums, whose fields are chosen near those of the connection.
fn segment(random: &mut Random, peer: &Peer) -> anyhow::Result<Vec<u8>> {
    let to_port = if random.is_one_in(4) { ports::HTTP } else { ports::RESP };
    let near = |random: &mut Random, around: u32| {
        let far = i32::try_from(random.below(200_000)).unwrap_or_default() - 100_000;
        if random.is_one_in(2) { around } else { around.wrapping_add_signed(far) }
    };
    let (seq, ack) = (near(random, peer.seq), near(random, peer.ack));
    let window = u16::try_from(random.below(1 << 16))?;
    let mut header = TcpHeader::new(peer.port, to_port, seq, window);
    header.acknowledgment_number = ack;
    [header.fin, header.syn, header.rst, header.psh, header.urg] =
        [10, 6, 10, 2, 10].map(|times| random.is_one_in(times));
    header.ack = !random.is_one_in(5);
    if random.is_one_in(4) {
        let mss = u16::try_from(random.below(1 << 16))?;
        let scale = byte(random);
        let options =
            [TcpOptionElement::MaximumSegmentSize(mss), TcpOptionElement::WindowScale(scale)];
        header.set_options(&options)?;
    } else if random.is_one_in(4) {
        let mut options = bytes(random, 40);
        options.truncate(options.len() / 4 * 4);
        let _ = header.set_options_raw(&options);
    }
    let data: &[u8] = if random.is_one_in(2) { b"PING\r\n" } else { &[] };
    Ends { ..peer.ends() }.tcp(header, data)
}

fn part(random: &mut Random) -> Part {
    let identification = u16::from(byte(random) % 8);
    let offset =
        if random.is_one_in(2) { 0 } else { u16::try_from(random.below(8192) * 8).unwrap_or(0) };
    Part { identification, offset, more: random.is_one_in(2) }
}

fn byte(random: &mut Random) -> u8 {
    random.next().to_le_bytes()[0]
}

fn bytes(random: &mut Random, length_max: u64) -> Vec<u8> {
    (0..random.below(length_max)).map(|_| byte(random)).collect()
}
