//! Abuse by many connections at the same time.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::Subject;
use crate::network::Network;
use crate::process;
use crate::resp::{Reply, encode};
use crate::sys;
use crate::test::reports;

/// Number of clients that connect at the same time. The next constant is the number of rounds.
const CLIENTS: usize = 200;
const ROUNDS: usize = 5;
/// Number of handshakes that are never completed.
const HALVES: u16 = 1000;
/// Maximum number of incomplete handshakes that have sockets (`docs/threat-model.md`).
const HALVES_WITH_SOCKETS: u64 = 64;
const PAUSE: Duration = Duration::from_millis(50);
/// Number of damaged segments. The next constant is the time in which the image must become idle after each.
const DAMAGED: u16 = 10;
const ASLEEP_AGAIN: Duration = Duration::from_millis(5);
/// Maximum time for which a client waits.
const LIMIT: Duration = Duration::from_secs(30);

/// Connects all clients before any of them gets a reply. No client may be refused, and each must get a PONG.
/// A round begins while the clients of the previous round still disconnect.
pub(super) fn dial(subject: &Subject) -> anyhow::Result<()> {
    (0..ROUNDS).try_for_each(|round| dial_once(subject).with_context(|| format!("round {round}")))
}

fn dial_once(subject: &Subject) -> anyhow::Result<()> {
    let dialing: Result<Vec<_>, _> =
        (0..CLIENTS).map(|_| mio::net::TcpStream::connect(subject.address())).collect();
    let mut streams = Vec::new();
    for stream in dialing? {
        let stream = TcpStream::from(stream);
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_read_timeout(Some(LIMIT))?;
        streams.push(stream);
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        // This write blocks until the socket is connected.
        stream.write_all(&encode(&["PING"])).with_context(|| format!("client {number}"))?;
    }
    for (number, stream) in streams.iter().enumerate() {
        let reply = Reply::read(&mut BufReader::new(stream));
        let reply = reply.with_context(|| format!("client {number} waits"))?;
        ensure!(reply == Reply::Status("PONG".to_owned()), "{}", reply.terminal());
    }
    Ok(())
}

/// Sends SYNs with source addresses that do not exist, so that the handshakes are never completed.
pub(super) fn half_open(subject: &Subject) -> anyhow::Result<()> {
    let (Network::Tap(_), SocketAddr::V4(to)) = (subject.network(), subject.address()) else {
        // passt and QEMU's user network forward only complete handshakes. The loopback test `crowd` covers
        // incomplete ones there.
        process::announce("", "not done: half-open handshakes need a TAP device");
        return Ok(());
    };
    let socket = sys::raw_socket().context("a raw socket")?;
    for number in 0..HALVES {
        let [_, low] = number.to_be_bytes();
        let from = SocketAddrV4::new([10, 0, 2, 100 + low % 100].into(), 10_000 + number);
        socket.send_to(&syn(from, to), to)?;
        // After each 200 packets the thread pauses, because the device holds no more at once.
        if number % 200 == 199 {
            std::thread::sleep(PAUSE);
        }
    }
    // All other SYNs were answered with SYN cookies, which need no socket.
    let halves = reports::stat(&mut subject.connect()?, "resp_sockets_handshaking")?;
    ensure!(halves == HALVES_WITH_SOCKETS, "{halves} handshakes have sockets");
    // Regular clients must be served in spite of the incomplete handshakes.
    dial_once(subject)
}

/// Sends segments with a wrong checksum, one at a time while the image is idle. The next valid packet must be
/// handled immediately, and not only at the next timer interrupt.
pub(crate) fn damaged(subject: &Subject) -> anyhow::Result<()> {
    let (Network::Tap(_), SocketAddr::V4(to)) = (subject.network(), subject.address()) else {
        process::announce("", "not done: damaged segments need a TAP device");
        return Ok(());
    };
    let socket = sys::raw_socket().context("a raw socket")?;
    let mut client = subject.connect()?;
    let mut ping = || {
        let start = Instant::now();
        let reply = client.call(&["PING"])?;
        ensure!(reply == Reply::Status("PONG".to_owned()), "{}", reply.terminal());
        Ok(start.elapsed())
    };
    let (mut alone, mut behind) = (Duration::ZERO, Duration::ZERO);
    for number in 0..DAMAGED {
        std::thread::sleep(PAUSE);
        alone += ping()?;
        std::thread::sleep(PAUSE);
        let mut packet = syn(SocketAddrV4::new([10, 0, 2, 100].into(), 10_000 + number), to);
        packet[36] ^= 1;
        socket.send_to(&packet, to)?;
        std::thread::sleep(ASLEEP_AGAIN);
        behind += ping()?;
    }
    // An image that misses the interrupt of a packet sleeps for a second.
    let limit = 10 * alone + Duration::from_secs(1);
    ensure!(behind < limit, "{behind:?} after damaged packets, {alone:?} without");
    Ok(())
}

/// Returns the first packet of a handshake, a SYN with the headers of IP and TCP.
fn syn(from: SocketAddrV4, to: SocketAddrV4) -> [u8; 40] {
    let mut packet = [0; 40];
    let (ip, tcp) = packet.split_at_mut(20);
    // IP version 4 and header length. The kernel fills in total length and checksum. 64 hops, protocol TCP.
    ip[0] = 0x45;
    ip[8] = 64;
    ip[9] = 6;
    ip[12..16].copy_from_slice(&from.ip().octets());
    ip[16..20].copy_from_slice(&to.ip().octets());
    tcp[0..2].copy_from_slice(&from.port().to_be_bytes());
    tcp[2..4].copy_from_slice(&to.port().to_be_bytes());
    // TCP: a header of five words, the SYN flag, a window.
    tcp[12] = 5 << 4;
    tcp[13] = 2;
    tcp[14..16].copy_from_slice(&1024_u16.to_be_bytes());
    // The checksum covers the segment and a pseudo header with addresses, protocol and length.
    let words = |bytes: &[u8]| -> u32 {
        bytes.as_chunks().0.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum()
    };
    let sum = words(&ip[12..20]) + words(tcp) + 6 + 20;
    let folded = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = (!((folded & 0xffff) + (folded >> 16))).to_be_bytes();
    tcp[16..18].copy_from_slice(&[high, low]);
    packet
}
