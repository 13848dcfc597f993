//! Writes and parses frames, with another implementation of the protocols than that of the image.

use std::net::Ipv4Addr;

use anyhow::Context;
use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, Icmpv4Type, IpNumber, Ipv4Header, NetSlice,
    PacketBuilder, PacketBuilderStep, SlicedPacket, TcpHeader, TransportSlice, UdpHeader,
};

/// An Ethernet address.
pub(super) type Mac = [u8; 6];

/// The broadcast address of a link.
pub(super) const BROADCAST: Mac = [0xff; 6];
/// Bytes of an Ethernet header.
pub(super) const ETHERNET_BYTES: usize = 14;
/// Bytes of an IPv4 header without options.
pub(super) const IPV4_BYTES: usize = 20;
const TTL: u8 = 64;

/// The source and destination addresses of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) from_mac: Mac,
    pub(super) to_mac: Mac,
    pub(super) from: Ipv4Addr,
    pub(super) to: Ipv4Addr,
}

impl Ends {
    fn ipv4(self) -> PacketBuilderStep<etherparse::IpHeaders> {
        let (from, to) = (self.from.octets(), self.to.octets());
        PacketBuilder::ethernet2(self.from_mac, self.to_mac).ipv4(from, to, TTL)
    }

    /// Returns a frame with a TCP segment. Lengths and checksums are computed.
    pub(super) fn tcp(self, header: TcpHeader, data: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut frame = Vec::new();
        self.ipv4().tcp_header(header).write_to_vec(&mut frame, data).context("a segment")?;
        Ok(frame)
    }

    /// Returns a frame with an ICMP message.
    pub(super) fn icmp(self, kind: Icmpv4Type, data: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut frame = Vec::new();
        self.ipv4().icmpv4(kind).write_to_vec(&mut frame, data).context("a message")?;
        Ok(frame)
    }

    /// Returns a frame with a UDP datagram.
    pub(super) fn udp(self, from: u16, to: u16, data: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut frame = Vec::new();
        self.ipv4().udp(from, to).write_to_vec(&mut frame, data).context("a datagram")?;
        Ok(frame)
    }

    /// Returns a frame with a packet of any protocol, or with a fragment of a packet.
    pub(super) fn raw(self, protocol: u8, part: Part, data: &[u8]) -> anyhow::Result<Vec<u8>> {
        let length = u16::try_from(data.len())?;
        let (from, to) = (self.from.octets(), self.to.octets());
        let mut header = Ipv4Header::new(length, TTL, IpNumber(protocol), from, to)?;
        header.identification = part.identification;
        header.dont_fragment = false;
        header.more_fragments = part.more;
        header.fragment_offset = (part.offset / 8).try_into()?;
        header.header_checksum = header.calc_header_checksum();
        let mut frame = [self.to_mac, self.from_mac].concat();
        frame.extend(EtherType::IPV4.0.to_be_bytes());
        frame.extend(header.to_bytes());
        frame.extend(data);
        Ok(frame)
    }
}

/// The position of a fragment in its packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    pub(super) identification: u16,
    /// The offset in bytes, which is a multiple of 8.
    pub(super) offset: u16,
    /// Whether further fragments follow.
    pub(super) more: bool,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arp {
    /// 1 for a request, 2 for a reply.
    pub(super) operation: u16,
    pub(super) sender_mac: Mac,
    pub(super) sender: Ipv4Addr,
    pub(super) target: Ipv4Addr,
}

impl Arp {
    /// Returns an announcement of an address (RFC 5227 section 2.3).
    pub(super) fn announcement(mac: Mac, address: Ipv4Addr) -> Self {
        Self { operation: 1, sender_mac: mac, sender: address, target: address }
    }

    /// Returns a frame with the packet, from one station to another.
    pub(super) fn frame(self, from: Mac, to: Mac) -> anyhow::Result<Vec<u8>> {
        let packet = ArpPacket::new(
            ArpHardwareId::ETHERNET,
            EtherType::IPV4,
            ArpOperation(self.operation),
            &self.sender_mac,
            &self.sender.octets(),
            &[0; 6],
            &self.target.octets(),
        )?;
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(from, to).arp(packet).write_to_vec(&mut frame)?;
        Ok(frame)
    }
}

/// A parsed frame.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Arp(Arp),
    Tcp(Box<Segment>),
    Udp { header: UdpHeader, data: Vec<u8> },
    Icmp { to: Ipv4Addr, kind: Icmpv4Type, data: Vec<u8> },
    Other,
}

/// A TCP segment with its source and destination addresses.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) to_mac: Mac,
    pub(super) to: Ipv4Addr,
    pub(super) header: TcpHeader,
    pub(super) data: Vec<u8>,
    /// The bytes of the packet from its IPv4 header on.
    pub(super) packet: Vec<u8>,
}

/// Returns the Ethernet addresses of the sender and the receiver of a frame.
pub(super) fn stations(frame: &[u8]) -> Option<(Mac, Mac)> {
    let (to, rest) = frame.split_first_chunk()?;
    Some((*rest.first_chunk()?, *to))
}

/// Parses a frame.
pub(super) fn read(frame: &[u8]) -> Heard {
    understood(frame).unwrap_or(Heard::Other)
}

fn understood(frame: &[u8]) -> Option<Heard> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let header = match packet.net? {
        NetSlice::Arp(arp) => {
            let arp = arp.to_packet().try_eth_ipv4().ok()?;
            return Some(Heard::Arp(Arp {
                operation: arp.operation.0,
                sender_mac: arp.sender_mac,
                sender: arp.sender_ipv4.into(),
                target: arp.target_ipv4.into(),
            }));
        }
        NetSlice::Ipv4(packet) => packet.header().to_header(),
        NetSlice::Ipv6(_) => return None,
    };
    let to = header.destination.into();
    Some(match packet.transport? {
        TransportSlice::Tcp(tcp) => Heard::Tcp(Box::new(Segment {
            to_mac: stations(frame)?.1,
            to,
            header: tcp.to_header(),
            data: tcp.payload().to_vec(),
            packet: frame.get(ETHERNET_BYTES..)?.to_vec(),
        })),
        TransportSlice::Udp(udp) => {
            Heard::Udp { header: udp.to_header(), data: udp.payload().to_vec() }
        }
        TransportSlice::Icmpv4(icmp) => {
            Heard::Icmp { to, kind: icmp.icmp_type(), data: icmp.payload().to_vec() }
        }
        _ => return None,
    })
}
