//! Parses and checks the header of an IPv4 packet.

use core::net::Ipv4Addr;

use super::addresses::Addresses;
use crate::net::drops::Drop;

/// Bytes of an IPv4 header without options.
pub(in crate::net) const HEADER_BYTES: usize = 20;

/// Numbers of the protocols in the payload of a packet.
pub(in crate::net) const ICMP: u8 = 1;
pub(in crate::net) const TCP: u8 = 6;
pub(in crate::net) const UDP: u8 = 17;

/// Mask of the "more fragments" flag and the fragment offset. Both are 0 if a packet is not a fragment.
const MORE_AND_OFFSET: u16 = 0x3fff;

/// The fields of an IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Ipv4Header {
    pub(in crate::net) source: Ipv4Addr,
    pub(in crate::net) target: Ipv4Addr,
    pub(in crate::net) protocol: u8,
    /// Bytes of the header, options included.
    pub(in crate::net) bytes: usize,
    /// Bytes of the packet, without the padding of short Ethernet frames.
    pub(in crate::net) total: usize,
    pub(in crate::net) is_fragment: bool,
}

impl Ipv4Header {
    /// Parses the header of a packet, and checks its lengths and checksum.
    pub(in crate::net) fn read(packet: &[u8]) -> Result<Self, Drop> {
        let fixed: &[u8; HEADER_BYTES] = packet.first_chunk().ok_or(Drop::IpHeader)?;
        let bytes = usize::from(fixed[0] & 0xf) * 4;
        let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if fixed[0] >> 4 != 4 || bytes < HEADER_BYTES || total < bytes || total > packet.len() {
            return Err(Drop::IpHeader);
        }
        if !is_sound(fixed, &packet[HEADER_BYTES..bytes]) {
            return Err(Drop::IpChecksum);
        }
        let address =
            |at: usize| Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]);
        let is_fragment = u16::from_be_bytes([fixed[6], fixed[7]]) & MORE_AND_OFFSET != 0;
        let (source, target) = (address(12), address(16));
        Ok(Self { source, target, protocol: fixed[9], bytes, total, is_fragment })
    }

    /// Checks that the packet is addressed to this machine.
    pub(in crate::net) fn check_target(&self, own: &Addresses) -> Result<(), Drop> {
        if own.is_own(self.target) { Ok(()) } else { Err(Drop::IpTarget) }
    }

    /// Checks that the source address can be that of another machine. Packets of a known connection need no such check,
    /// because the address of the peer was checked when the connection began.
    pub(in crate::net) fn check_source(&self, own: &Addresses) -> Result<(), Drop> {
        if own.is_source(self.source) { Ok(()) } else { Err(Drop::IpSource) }
    }
}

/// Returns whether the checksum of a header with its options is correct. The header is summed in words of 32 bits,
/// which is faster; the folded ones' complement sum is the same as that of 16-bit words.
fn is_sound(fixed: &[u8; HEADER_BYTES], options: &[u8]) -> bool {
    let words = |bytes: &[u8]| {
        let (words, _) = bytes.as_chunks::<4>();
        words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum::<u64>()
    };
    let sum = words(fixed) + if options.is_empty() { 0 } else { words(options) };
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    (sum >> 16) + (sum & 0xffff) == 0xffff
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{IpProtocol, Ipv4Cidr, Ipv4Packet, Ipv4Repr};

    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
    const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

    fn packet(source: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
        let repr = Ipv4Repr {
            src_addr: source,
            dst_addr: target,
            next_header: IpProtocol::Tcp,
            payload_len: 20,
            hop_limit: 64,
        };
        let mut bytes = vec![0; 46];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
        repr.emit(&mut packet, &ChecksumCapabilities::default());
        bytes
    }

    #[test]
    fn a_header_is_parsed() {
        let header = Ipv4Header::read(&packet(PEER, OWN)).unwrap();
        assert_eq!((header.source, header.target, header.protocol), (PEER, OWN, TCP));
        assert_eq!((header.bytes, header.total, header.is_fragment), (20, 40, false));
    }

    #[test]
    fn inconsistent_headers_are_refused() {
        let whole = packet(PEER, OWN);
        for cut in 0..40 {
            assert_eq!(Ipv4Header::read(&whole[..cut]), Err(Drop::IpHeader), "{cut}");
        }
        for (at, byte) in [(0, 0x65), (0, 0x44), (0, 0x4f), (2, 0xff), (3, 19)] {
            let mut other = whole.clone();
            other[at] = byte;
            let refused = Ipv4Header::read(&other).unwrap_err();
            assert!(matches!(refused, Drop::IpHeader | Drop::IpChecksum), "byte {at}");
        }
        for at in 0..HEADER_BYTES {
            let mut other = whole.clone();
            other[at] ^= 0x10;
            assert!(Ipv4Header::read(&other).is_err(), "byte {at}");
        }
    }

    #[test]
    fn fragments_are_recognized() {
        for (at, byte, expected) in [(6, 0x20, true), (7, 1, true), (6, 0x40, false)] {
            let mut bytes = packet(PEER, OWN);
            bytes[6..8].fill(0);
            bytes[at] = byte;
            Ipv4Packet::new_unchecked(&mut bytes).fill_checksum();
            assert_eq!(Ipv4Header::read(&bytes).unwrap().is_fragment, expected);
        }
    }

    #[test]
    fn packets_with_a_wrong_target_or_source_are_refused() {
        let own = Addresses::new(Some(Ipv4Cidr::new(OWN, 24)), None);
        let check = |source, target| {
            let header = Ipv4Header::read(&packet(source, target)).unwrap();
            header.check_target(&own).and_then(|()| header.check_source(&own))
        };
        assert_eq!(check(PEER, OWN), Ok(()));
        assert_eq!(check(Ipv4Addr::new(192, 0, 2, 1), OWN), Ok(()));
        assert_eq!(check(PEER, Ipv4Addr::new(10, 0, 2, 16)), Err(Drop::IpTarget));
        assert_eq!(check(PEER, Ipv4Addr::BROADCAST), Err(Drop::IpTarget));
        for source in [OWN, Ipv4Addr::BROADCAST, Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
            assert_eq!(check(source, OWN), Err(Drop::IpSource), "{source}");
        }
    }
}
