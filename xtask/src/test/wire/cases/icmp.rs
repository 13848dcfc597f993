//! Tests ICMP: echo requests, and the message "fragmentation needed" for a connection of the server and for
//! others (RFC 1122, RFC 1191, RFC 5927).

use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::ensure;
use etherparse::{IcmpEchoHeader, Icmpv4Type, icmpv4::DestUnreachableHeader};

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::packet::{Ends, Heard};
use crate::test::wire::peer::{Peer, SOON};
use crate::test::wire::segment::Out;
use crate::test::wire::topology::{self, DEVICE};

/// Length of the value that the peer reads, in bytes.
const VALUE: usize = 40_000;
/// Number of bytes of the original packet in an ICMP message: the IPv4 header and eight bytes (RFC 792).
const INNER_BYTES: usize = 28;

/// Sends the messages, and judges the reaction to each.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("ICMP", &Boot::plain().uncut(), findings, |_, findings| {
        let mut near = Dial::PLAIN.client(&bed.near, topology::resp())?;
        near.call(&[b"SET".as_slice(), b"k", &vec![b'x'; VALUE]])?;
        for length in [0, 5, 56, 1400] {
            let claim = format!("echo of {length} bytes is answered");
            findings.expect(&claim, echo(bed, length));
        }
        // A kernel stores the MTU of the path for each address, so each peer has an address of its own.
        let told = |claim: &str, peer: u8, mtu: u16, forge: Forge, is_heard: bool| {
            (claim.to_owned(), told(bed, peer, mtu, forge, is_heard))
        };
        for (claim, outcome) in [
            told("MTU 1000 is heard", 1, 1000, Forge::None, true),
            told(
                "MTU 0, of a router before RFC 1191, is heard or ignored",
                2,
                0,
                Forge::None,
                false,
            ),
            told("MTU 68 makes no segments below the least", 3, 68, Forge::None, false),
            told("MTU 1000 for another port is ignored", 4, 1000, Forge::Port, false),
            told(
                "MTU 1000 for a number outside of the window is ignored",
                5,
                1000,
                Forge::Number,
                false,
            ),
            told("MTU 1000 for another address is ignored", 6, 1000, Forge::Address, false),
        ] {
            findings.expect(&claim, outcome);
        }
        Ok(())
    });
    Ok(())
}

fn echo(bed: &Bed<'_>, length: usize) -> anyhow::Result<String> {
    let peer = Peer::new(&bed.near, DEVICE, 1)?;
    let header = IcmpEchoHeader { id: 7, seq: 9 };
    let data: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
    peer.frames.send(&peer.ends().icmp(Icmpv4Type::EchoRequest(header), &data)?)?;
    let deadline = Instant::now() + SOON;
    while let Some(heard) = peer.frames.hear(deadline)? {
        let Heard::Icmp { to, kind, data: answered } = heard else { continue };
        if to == peer.address && kind == Icmpv4Type::EchoReply(header) {
            ensure!(answered == data, "{} other bytes", answered.len());
            return Ok("answered".to_owned());
        }
    }
    anyhow::bail!("no answer")
}

/// The field of the original packet that is wrong in a forged message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forge {
    None,
    Port,
    Number,
    Address,
}

/// Sends "fragmentation needed" for a segment of a reply. Measures the segments that follow.
fn told(
    bed: &Bed<'_>,
    number: u8,
    mtu: u16,
    forge: Forge,
    is_heard: bool,
) -> anyhow::Result<String> {
    let address = Ipv4Addr::new(10, 0, 2, 80 + number);
    let mut peer =
        Peer::at(&bed.near, DEVICE, address, [2, 0, 0, 0, 3, number], 25_000 + u16::from(number))?;
    peer.open(0x3000_0000)?;
    peer.push(Out::data(b"GET k\r\n"))?;
    let first = peer.wait_for(|segment| !segment.data.is_empty())?;
    let sample = first.iter().find(|segment| !segment.data.is_empty());
    let Some(sample) = sample else { anyhow::bail!("no reply") };
    let mut inner = sample.packet.get(..INNER_BYTES).unwrap_or_default().to_vec();
    match forge {
        Forge::None => {}
        Forge::Port => inner[22] ^= 0x10,
        Forge::Number => inner[24] ^= 0x40,
        Forge::Address => inner[19] ^= 0x40,
    }
    let kind = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: mtu };
    // The message comes from the address of a router on the path.
    let ends = Ends { from: topology::HOST, ..peer.ends() };
    peer.drain(SOON / 20)?;
    peer.frames.send(&ends.icmp(Icmpv4Type::DestinationUnreachable(kind), &inner)?)?;
    // The peer sends no ACK, so the server sends the first segment again, after the message or after a
    // timeout.
    let again = peer.gather(SOON * 2, |segment| {
        segment.header.sequence_number == sample.header.sequence_number
    })?;
    let again = again
        .iter()
        .find(|segment| segment.header.sequence_number == sample.header.sequence_number);
    let size = again.map(|segment| segment.packet.len());
    peer.reset()?;
    let seen = format!("packet of {} bytes, then {size:?}", sample.packet.len());
    let is_small = size.is_some_and(|size| size <= usize::from(mtu));
    if is_heard {
        ensure!(is_small, "{seen}");
    } else if forge == Forge::None {
        // RFC 1191 section 3: a host must never use less than 68 bytes. Linux uses at least 552.
        ensure!(size.is_some_and(|size| size >= 296), "{seen}");
    } else {
        ensure!(size.is_some_and(|size| size > usize::from(mtu)), "{seen}");
    }
    Ok(seen)
}
