//! Tests damaged packets. Each kind must increment its own counter and no other, in `VSTATS` and in
//! `/metrics`.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use etherparse::{Icmpv4Type, icmpv4::DestUnreachableHeader};

use crate::resp::{Client, Reply};
use crate::test::reports;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::GUEST_MAC;
use crate::test::wire::packet::{Arp, ETHERNET_BYTES, Ends, IPV4_BYTES, Part};
use crate::test::wire::peer::{Peer, QUIET};
use crate::test::wire::segment::{Flags, Out};
use crate::test::wire::topology::{self, DEVICE, GUEST};

/// Number of packets of each kind.
const COUNT: u64 = 5;
const PREFIX: &str = "dropped_";

/// A function that returns damaged packets of a peer whose connection is open.
type Damage = fn(&Peer) -> anyhow::Result<Vec<Vec<u8>>>;

/// The counter, the kind of damage, and the function that returns the packets.
const KINDS: &[(&str, &str, Damage)] = &[
    ("frame", "an EtherType without a meaning", |peer| one(edit(peer, |frame| frame[12] = 0x88))),
    ("arp", "an ARP packet of a broadcast address", |peer| {
        one(arp(peer, Ipv4Addr::BROADCAST, |_| {}))
    }),
    ("arp", "an ARP packet for other hardware", |peer| {
        one(arp(peer, peer.address, |frame| frame[ETHERNET_BYTES + 1] = 7))
    }),
    ("ip_header", "another version", |peer| one(header(peer, |packet| packet[0] = 0x55))),
    ("ip_header", "a header shorter than the least", |peer| {
        one(header(peer, |packet| packet[0] = 0x44))
    }),
    ("ip_header", "a packet longer than its frame", |peer| {
        one(header(peer, |packet| packet[2] = 4))
    }),
    ("ip_checksum", "a wrong checksum of the header", |peer| {
        one(edit(peer, |frame| frame[ETHERNET_BYTES + 10] ^= 1))
    }),
    ("ip_source", "a sender of 255.255.255.255", |peer| one(from(peer, Ipv4Addr::BROADCAST))),
    ("ip_source", "a sender of 224.0.0.1", |peer| one(from(peer, Ipv4Addr::new(224, 0, 0, 1)))),
    ("ip_source", "a sender of 127.0.0.1", |peer| one(from(peer, Ipv4Addr::LOCALHOST))),
    ("ip_target", "a receiver that is another machine", |peer| {
        let to = Ipv4Addr::new(10, 0, 2, 99);
        one(segment(peer, Ends { to, ..peer.ends() }))
    }),
    ("fragment", "a fragment that ends after the longest packet", |peer| {
        let part = Part { identification: 1, offset: 65_528, more: false };
        one(peer.ends().raw(6, part, &[0; 200]))
    }),
    ("icmp", "a wrong checksum of ICMP", |peer| {
        let mut frame = peer
            .ends()
            .icmp(Icmpv4Type::EchoReply(etherparse::IcmpEchoHeader { id: 1, seq: 1 }), b"x")?;
        frame[ETHERNET_BYTES + IPV4_BYTES + 2] ^= 1;
        Ok(vec![frame])
    }),
    ("icmp", "\"fragmentation needed\" that fits no connection", |peer| {
        let sample = segment(peer, Ends { from: GUEST, to: peer.address, ..peer.ends() })?;
        let inner = sample.get(ETHERNET_BYTES..ETHERNET_BYTES + 28).context("a short sample")?;
        let kind = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1000 };
        one(peer.ends().icmp(Icmpv4Type::DestinationUnreachable(kind), inner))
    }),
    ("tcp_header", "a TCP header shorter than the least", |peer| {
        one(tcp(peer, |tcp| tcp[12] = 0x40))
    }),
    ("tcp_header", "a TCP header longer than its segment", |peer| {
        one(tcp(peer, |tcp| tcp[12] = 0xf0))
    }),
    ("tcp_checksum", "a wrong checksum of TCP", |peer| {
        one(edit(peer, |frame| frame[ETHERNET_BYTES + IPV4_BYTES + 16] ^= 1))
    }),
    ("tcp_no_ack", "data without ACK", |peer| {
        one(peer.frame(Out { flags: Flags::PSH, ..Out::data(b"PING\r\n") }))
    }),
    ("tcp_reset", "a RST inside the window", |peer| {
        one(peer.frame(Out::new(Flags::RST).at(peer.seq.wrapping_add(100))))
    }),
    ("tcp_syn", "a SYN on an open connection", |peer| {
        one(peer.frame(Out::new(Flags::SYN).at(peer.seq.wrapping_add(100))))
    }),
    ("tcp_ack", "an ACK of bytes that were never sent", |peer| {
        one(peer.frame(Out::data(b"PING\r\n").acknowledging(peer.ack.wrapping_add(1000))))
    }),
];

fn one(frame: anyhow::Result<Vec<u8>>) -> anyhow::Result<Vec<Vec<u8>>> {
    frame.map(|frame| vec![frame])
}

/// Returns a valid ACK of the peer without data.
fn segment(peer: &Peer, ends: Ends) -> anyhow::Result<Vec<u8>> {
    let mut header = etherparse::TcpHeader::new(peer.port, peer.to_port, peer.seq, 60_000);
    header.ack = true;
    header.acknowledgment_number = peer.ack;
    ends.tcp(header, &[])
}

/// Returns such an ACK with bytes changed by `change`. The checksums are not updated.
fn edit(peer: &Peer, change: impl FnOnce(&mut [u8])) -> anyhow::Result<Vec<u8>> {
    let mut frame = segment(peer, peer.ends())?;
    change(&mut frame);
    Ok(frame)
}

fn from(peer: &Peer, from: Ipv4Addr) -> anyhow::Result<Vec<u8>> {
    segment(peer, Ends { from, ..peer.ends() })
}

/// Returns such an ACK with an IPv4 header changed by `change`, and with the checksum of the changed header.
fn header(peer: &Peer, change: impl FnOnce(&mut [u8])) -> anyhow::Result<Vec<u8>> {
    edit(peer, |frame| {
        let packet = &mut frame[ETHERNET_BYTES..ETHERNET_BYTES + IPV4_BYTES];
        change(packet);
        packet[10..12].fill(0);
        let sum = !sum(packet, 0);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    })
}

/// Returns such an ACK with a TCP header changed by `change`, and with the checksum of the changed header.
fn tcp(peer: &Peer, change: impl FnOnce(&mut [u8])) -> anyhow::Result<Vec<u8>> {
    edit(peer, |frame| {
        let (packet, tcp) = frame.split_at_mut(ETHERNET_BYTES + IPV4_BYTES);
        change(tcp);
        tcp[16..18].fill(0);
        let length = u32::try_from(tcp.len()).unwrap_or_default();
        let pseudo = sum(&packet[ETHERNET_BYTES + 12..], 6 + length);
        let sum = !sum(tcp, pseudo.into());
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    })
}

/// Returns the sum of RFC 1071 before it is complemented.
fn sum(bytes: &[u8], start: u32) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let mut sum = start + bytes.chunks(2).map(word).sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or_default()
}

fn arp(peer: &Peer, sender: Ipv4Addr, change: impl FnOnce(&mut [u8])) -> anyhow::Result<Vec<u8>> {
    let packet = Arp { operation: 1, sender_mac: peer.mac, sender, target: GUEST };
    let mut frame = packet.frame(peer.mac, GUEST_MAC)?;
    change(&mut frame);
    Ok(frame)
}

/// Tests every kind of damage, each on a connection of its own.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("counters", &Boot::plain(), findings, |_, findings| {
        let mut observer = Dial::PLAIN.client(&bed.near, topology::resp())?;
        for (number, &(word, kind, damage)) in KINDS.iter().enumerate() {
            let port = 28_000 + u16::try_from(number)?;
            let outcome = counted(bed, &mut observer, port, word, damage);
            findings.expect(&format!("{kind} raises {word}"), outcome);
        }
        findings.expect("the metrics have the same figures", metrics(bed, &mut observer));
        Ok(())
    });
    Ok(())
}

fn counted(
    bed: &Bed<'_>,
    observer: &mut Client,
    port: u16,
    word: &str,
    damage: Damage,
) -> anyhow::Result<String> {
    let mut peer = Peer::new(&bed.near, DEVICE, port)?;
    peer.open(0x7000_0000)?;
    ensure!(peer.pongs()?.0, "no PONG at first");
    thread::sleep(Duration::from_millis(20));
    let before = dropped(observer)?;
    for _ in 0..COUNT {
        damage(&peer)?.iter().try_for_each(|frame| peer.frames.send(frame))?;
    }
    peer.drain(QUIET / 3)?;
    let after = dropped(observer)?;
    let (lives, _) = peer.pongs()?;
    peer.reset()?;
    let raised: Vec<_> = after
        .iter()
        .zip(&before)
        .filter(|(now, then)| now.1 != then.1)
        .map(|(now, then)| (now.0.as_str(), now.1 - then.1))
        .collect();
    ensure!(raised == [(word, COUNT)], "raised {raised:?}");
    ensure!(lives, "the connection is dead");
    Ok(format!("{raised:?}"))
}

/// Returns the counter of each reason for a drop.
fn dropped(observer: &mut Client) -> anyhow::Result<Vec<(String, u64)>> {
    let reply = observer.call(&["VSTATS"])?;
    let items = reports::array(reply)?;
    let mut counters = Vec::new();
    for pair in items.chunks_exact(2) {
        let [Reply::Bulk(Some(key)), value] = pair else { continue };
        let key = String::from_utf8_lossy(key);
        if let Some(reason) = key.strip_prefix(PREFIX) {
            counters.push((reason.to_owned(), reports::integer(value.clone())?));
        }
    }
    ensure!(!counters.is_empty(), "VSTATS has no {PREFIX}…");
    Ok(counters)
}

fn metrics(bed: &Bed<'_>, observer: &mut Client) -> anyhow::Result<String> {
    let counters = dropped(observer)?;
    let mut stream = Dial::PLAIN.stream(&bed.near, topology::http())?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    for (reason, value) in &counters {
        let line = format!("vmalloc_net_dropped_total{{reason=\"{reason}\"}} {value}");
        ensure!(text.lines().any(|other| other == line), "no line {line}");
    }
    Ok(format!("{} reasons", counters.len()))
}
