//! Writes and parses frames for tests, without code of the image.

use std::net::Ipv4Addr;

/// Types of Ethernet frames.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;

/// Protocols of IPv4.
pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// Flags of TCP.
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

/// The broadcast address.
pub(crate) const ALL: [u8; 6] = [0xff; 6];

/// Returns the ones' complement sum of all 16-bit words. The sum is 0xffff if the words include a correct checksum.
pub(crate) fn sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let word =
        |chunk: &[u8]| u32::from(chunk[0]) << 8 | chunk.get(1).map_or(0, |low| (*low).into());
    let total = words.map(word).fold(0_u32, |total, word| {
        let total = total + word;
        (total & 0xffff) + (total >> 16)
    });
    u16::try_from(total).unwrap_or(0)
}

/// The pseudo header of a TCP or UDP checksum.
pub(crate) fn pseudo(source: Ipv4Addr, target: Ipv4Addr, protocol: u8, bytes: usize) -> [u8; 12] {
    let mut header = [0; 12];
    header[..4].copy_from_slice(&source.octets());
    header[4..8].copy_from_slice(&target.octets());
    header[9] = protocol;
    header[10..].copy_from_slice(&u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes());
    header
}

/// An Ethernet frame.
pub(crate) fn ethernet(target: [u8; 6], source: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    [&target[..], &source, &kind.to_be_bytes(), payload].concat()
}

/// Writes an ARP packet for IPv4 with its operation, sender and target.
pub(crate) fn arp(
    operation: u16,
    sender: ([u8; 6], Ipv4Addr),
    target: ([u8; 6], Ipv4Addr),
) -> Vec<u8> {
    let mut bytes = vec![0, 1, 8, 0, 6, 4];
    bytes.extend_from_slice(&operation.to_be_bytes());
    for (mac, address) in [sender, target] {
        bytes.extend_from_slice(&mac);
        bytes.extend_from_slice(&address.octets());
    }
    bytes
}

/// The variable fields of an IPv4 header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ip {
    pub(crate) source: Ipv4Addr,
    pub(crate) target: Ipv4Addr,
    pub(crate) protocol: u8,
    pub(crate) identification: u16,
    /// "Do not fragment", "more fragments", and the offset of the payload in units of 8 bytes.
    pub(crate) fragment: u16,
}

impl Ip {
    /// Creates the header of an unfragmented packet.
    pub(crate) fn new(source: Ipv4Addr, target: Ipv4Addr, protocol: u8) -> Self {
        Self { source, target, protocol, identification: 0, fragment: 0 }
    }

    /// Returns the packet with a correct header checksum. Options are truncated to whole words.
    pub(crate) fn packet(&self, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let options = &options[..options.len().min(40) / 4 * 4];
        let total = u16::try_from(20 + options.len() + payload.len()).unwrap_or(u16::MAX);
        let words = u8::try_from(5 + options.len() / 4).unwrap_or(15);
        let mut header = vec![0x40 | words, 0];
        header.extend_from_slice(&total.to_be_bytes());
        header.extend_from_slice(&self.identification.to_be_bytes());
        header.extend_from_slice(&self.fragment.to_be_bytes());
        header.extend_from_slice(&[64, self.protocol, 0, 0]);
        header.extend_from_slice(&self.source.octets());
        header.extend_from_slice(&self.target.octets());
        header.extend_from_slice(options);
        let right = (!sum(&[&header])).to_be_bytes();
        header[10..12].copy_from_slice(&right);
        header.extend_from_slice(payload);
        header
    }

    /// Writes the correct checksum to a payload of ICMP, TCP or UDP.
    pub(crate) fn complete(&self, payload: &mut [u8]) {
        let (at, pseudo) = match self.protocol {
            ICMP => (2, None),
            TCP => (16, Some(())),
            UDP => (6, Some(())),
            _ => return,
        };
        let Some(place) = payload.get_mut(at..at + 2) else { return };
        place.fill(0);
        let header = self.pseudo(payload.len());
        let covered = if pseudo.is_some() { &header[..] } else { &[] };
        let right = (!sum(&[covered, payload])).to_be_bytes();
        payload[at..at + 2].copy_from_slice(&right);
    }

    fn pseudo(&self, bytes: usize) -> [u8; 12] {
        pseudo(self.source, self.target, self.protocol, bytes)
    }
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub(crate) struct Tcp {
    pub(crate) source: u16,
    pub(crate) target: u16,
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Tcp {
    /// Returns the bytes without a checksum. Options are truncated to whole words.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let options = &self.options[..self.options.len().min(40) / 4 * 4];
        let words = u8::try_from(5 + options.len() / 4).unwrap_or(15);
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&self.source.to_be_bytes());
        bytes.extend_from_slice(&self.target.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.acknowledged.to_be_bytes());
        bytes.extend_from_slice(&[words << 4, self.flags]);
        bytes.extend_from_slice(&self.window.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(options);
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Parses a segment without its options.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let half = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let word = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let header = usize::from(*bytes.get(12)? >> 4) * 4;
        Some(Self {
            source: half(0)?,
            target: half(2)?,
            sequence: word(4)?,
            acknowledged: word(8)?,
            flags: bytes[13],
            window: half(14)?,
            options: Vec::new(),
            payload: bytes.get(header.max(20)..)?.to_vec(),
        })
    }

    /// Returns the sequence number behind the last one of the segment.
    pub(crate) fn end(&self) -> u32 {
        let length = u32::try_from(self.payload.len()).unwrap_or(0)
            + u32::from(self.flags & SYN != 0)
            + u32::from(self.flags & FIN != 0);
        self.sequence.wrapping_add(length)
    }
}
