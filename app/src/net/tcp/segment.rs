//! Parses the header and the options of a TCP segment, and changes numbers in its bytes.

use core::net::Ipv4Addr;

use smoltcp::wire::{IpAddress, TcpPacket};

use crate::net::drops::Drop;
use crate::net::route::Key;

/// Bytes of a TCP header without options.
pub(in crate::net) const HEADER_BYTES: usize = 20;

/// Flags of a TCP header.
pub(in crate::net) const FIN: u8 = 0x01;
pub(in crate::net) const SYN: u8 = 0x02;
pub(in crate::net) const RST: u8 = 0x04;
pub(in crate::net) const ACK: u8 = 0x10;

/// Types of TCP options (RFC 9293 section 3.2, RFC 7323, RFC 2018).
const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;

/// The fields of a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Segment {
    /// The address of the peer and the two ports.
    pub(in crate::net) key: Key,
    pub(in crate::net) sequence: u32,
    pub(in crate::net) acknowledged: u32,
    pub(in crate::net) flags: u8,
    /// The window as in the header, before it is shifted by the window scale.
    pub(in crate::net) window: u16,
    /// Bytes of the header, options included.
    pub(in crate::net) header_bytes: usize,
    /// Bytes of data.
    pub(in crate::net) payload_bytes: u32,
}

impl Segment {
    /// Parses the segment in `bytes`, the payload of a packet from `source`.
    #[inline]
    pub(in crate::net) fn read(source: Ipv4Addr, bytes: &[u8]) -> Result<Self, Drop> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Drop::TcpHeader)?;
        let (port, local) = ends(header);
        let header_bytes = usize::from(header[12] >> 4) * 4;
        if header_bytes < HEADER_BYTES || header_bytes > bytes.len() || port == 0 || local == 0 {
            return Err(Drop::TcpHeader);
        }
        Ok(Self {
            key: Key { address: source, port, local },
            sequence: number(header, 4),
            acknowledged: number(header, 8),
            flags: header[13],
            window: u16::from_be_bytes([header[14], header[15]]),
            header_bytes,
            // A packet has at most 65,535 bytes.
            payload_bytes: u32::try_from(bytes.len() - header_bytes)
                .map_err(|_| Drop::TcpHeader)?,
        })
    }

    /// Returns whether all of `flags` are set.
    pub(in crate::net) fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Returns whether the segment begins a connection: a SYN without ACK and RST.
    pub(in crate::net) fn begins(&self) -> bool {
        self.flags & (SYN | ACK | RST) == SYN
    }

    /// Returns how many sequence numbers the segment takes: one for each byte of data, one for SYN and one for FIN.
    pub(in crate::net) fn length(&self) -> u32 {
        self.payload_bytes + u32::from(self.flags & SYN != 0) + u32::from(self.flags & FIN != 0)
    }

    /// Returns the sequence number behind the last one of the segment.
    pub(in crate::net) fn end(&self) -> u32 {
        self.sequence.wrapping_add(self.length())
    }
}

fn ends(header: &[u8; HEADER_BYTES]) -> (u16, u16) {
    let [a, b, c, d, ..] = *header;
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

fn number(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

/// Returns whether the TCP checksum of a segment from `source` to `target` is correct.
pub(in crate::net) fn is_sound(source: Ipv4Addr, target: Ipv4Addr, bytes: &[u8]) -> bool {
    let [source, target] = [source, target].map(IpAddress::Ipv4);
    TcpPacket::new_checked(bytes).is_ok_and(|packet| packet.verify_checksum(&source, &target))
}

/// Changes the acknowledgement number and the window of a received segment. Does not update the checksum, because it
/// has been verified already and smoltcp does not read it.
pub(in crate::net) fn set_acknowledged(bytes: &mut [u8], acknowledged: u32, window: u16) {
    bytes[8..12].copy_from_slice(&acknowledged.to_be_bytes());
    bytes[14..16].copy_from_slice(&window.to_be_bytes());
}

/// Adds `by` to the sequence number of a segment, and updates the checksum (RFC 1624).
pub(in crate::net) fn shift_sequence(bytes: &mut [u8], by: u32) {
    let old: [u8; 4] = [bytes[4], bytes[5], bytes[6], bytes[7]];
    let new = u32::from_be_bytes(old).wrapping_add(by).to_be_bytes();
    bytes[4..8].copy_from_slice(&new);
    let halves = |[a, b, c, d]: [u8; 4]| [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    let mut sum = u32::from(!u16::from_be_bytes([bytes[16], bytes[17]]));
    for (old, new) in halves(old).into_iter().zip(halves(new)) {
        sum += u32::from(!old) + u32::from(new);
    }
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    let sum = !u16::try_from(sum).unwrap_or(u16::MAX);
    bytes[16..18].copy_from_slice(&sum.to_be_bytes());
}

/// The parsed options of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct TcpOptions {
    /// Maximum segment size of the sender.
    pub(in crate::net) maximum_segment: Option<u16>,
    /// Window scale of the sender.
    pub(in crate::net) window_scale: Option<u8>,
    /// Whether the sender accepts selective acknowledgements.
    pub(in crate::net) is_sack_permitted: bool,
    /// Whether the segment contains selective acknowledgements.
    pub(in crate::net) has_sack: bool,
}

impl TcpOptions {
    /// Parses the options of the segment in `bytes`, whose header has `header_bytes` bytes. Parsing stops at the first
    /// damaged option.
    pub(in crate::net) fn read(bytes: &[u8], header_bytes: usize) -> Self {
        let mut options = Self::default();
        let mut rest = bytes.get(HEADER_BYTES..header_bytes).unwrap_or_default();
        while let [kind, behind @ ..] = rest {
            match *kind {
                END => break,
                NO_OPERATION => {
                    rest = behind;
                    continue;
                }
                _ => {}
            }
            let Some(length) = behind.first().map(|length| usize::from(*length)) else { break };
            let Some(value) = rest.get(2..length) else { break };
            match (*kind, value) {
                (MAXIMUM_SEGMENT, [high, low]) => {
                    options.maximum_segment = Some(u16::from_be_bytes([*high, *low]));
                }
                (WINDOW_SCALE, [shift]) => options.window_scale = Some((*shift).min(14)),
                (SACK_PERMITTED, []) => options.is_sack_permitted = true,
                (SACK, _) => options.has_sack = true,
                _ => {}
            }
            rest = &rest[length..];
        }
        options
    }
}

/// Returns the distance between two sequence numbers: positive if `to` comes after `from`, negative if it comes before.
/// Sequence numbers wrap, so the distance is less than 2^31.
pub(in crate::net) fn ahead(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::{Ipv4Address, TcpControl, TcpRepr, TcpSeqNumber};

    use super::*;

    const SOURCE: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
    const TARGET: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);

    fn bytes(control: TcpControl, payload: &[u8]) -> Vec<u8> {
        let repr = TcpRepr {
            src_port: 50_000,
            dst_port: 7379,
            control,
            seq_number: TcpSeqNumber(0x7fff_fff0),
            ack_number: Some(TcpSeqNumber(5)),
            window_len: 77,
            window_scale: Some(9),
            max_seg_size: Some(1400),
            sack_permitted: true,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let mut bytes = vec![0; repr.buffer_len()];
        let mut packet = TcpPacket::new_unchecked(&mut bytes);
        let checksums = smoltcp::phy::ChecksumCapabilities::default();
        repr.emit(&mut packet, &SOURCE.into(), &TARGET.into(), &checksums);
        bytes
    }

    #[test]
    fn a_header_and_its_options_are_parsed() {
        let bytes = bytes(TcpControl::Syn, b"");
        let segment = Segment::read(SOURCE, &bytes).unwrap();
        assert_eq!(segment.key, Key { address: SOURCE, port: 50_000, local: 7379 });
        assert_eq!((segment.sequence, segment.acknowledged, segment.window), (0x7fff_fff0, 5, 77));
        assert!(segment.has(SYN | ACK) && !segment.begins());
        assert_eq!((segment.length(), segment.end()), (1, 0x7fff_fff1));
        let options = TcpOptions::read(&bytes, segment.header_bytes);
        let (maximum_segment, window_scale) = (Some(1400), Some(9));
        let expected =
            TcpOptions { maximum_segment, window_scale, is_sack_permitted: true, has_sack: false };
        assert_eq!(options, expected);
    }

    #[test]
    fn inconsistent_headers_are_refused() {
        let whole = bytes(TcpControl::Psh, b"PING\r\n");
        for cut in 0..HEADER_BYTES {
            assert_eq!(Segment::read(SOURCE, &whole[..cut]), Err(Drop::TcpHeader), "{cut}");
        }
        for (at, byte) in [(12, 0x40), (12, 0xf0)] {
            let mut other = whole.clone();
            other[at] = byte;
            other.truncate(40);
            assert_eq!(Segment::read(SOURCE, &other), Err(Drop::TcpHeader), "byte {at}");
        }
        let mut other = whole;
        other[..2].fill(0);
        assert_eq!(Segment::read(SOURCE, &other), Err(Drop::TcpHeader), "port 0");
    }

    #[test]
    fn truncated_options_are_ignored() {
        let whole = bytes(TcpControl::Syn, b"");
        for cut in HEADER_BYTES..whole.len() {
            let _ = TcpOptions::read(&whole[..cut], cut);
        }
        let mut endless = [0; 24];
        endless[20] = WINDOW_SCALE;
        assert_eq!(TcpOptions::read(&endless, 24), TcpOptions::default(), "a length of 0");
    }

    #[test]
    fn a_shifted_sequence_keeps_the_checksum_right() {
        for by in [1, 0x1_0000, 0xffff_ffff, 0x8000_0001, 0xdead_beef] {
            let mut bytes = bytes(TcpControl::Psh, b"PING\r\n");
            shift_sequence(&mut bytes, by);
            assert!(is_sound(SOURCE, TARGET, &bytes), "by {by:#x}");
            let segment = Segment::read(SOURCE, &bytes).unwrap();
            assert_eq!(segment.sequence, 0x7fff_fff0_u32.wrapping_add(by));
        }
    }

    #[test]
    fn every_changed_byte_of_a_segment_is_detected() {
        for payload in [&b""[..], b"x", b"VMALLOC 1M\r\n", &[0xff; 1440], &[7; 20_000]] {
            let sound = bytes(TcpControl::Psh, payload);
            assert!(is_sound(SOURCE, TARGET, &sound), "{} bytes", payload.len());
            for at in (0..sound.len()).step_by(1 + payload.len() / 50) {
                let mut changed = sound.clone();
                changed[at] ^= 0x10;
                assert!(!is_sound(SOURCE, TARGET, &changed), "byte {at}");
            }
        }
    }
}
