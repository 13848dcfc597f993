//! Cuts a packet with much data into several TCP segments, if the device does not offer segmentation or the path to the
//! peer needs smaller segments.

use smoltcp::wire::{Ipv4Packet, TcpPacket};

use super::segment;

/// The position of one segment in a larger packet from which it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct CutPacket {
    /// Offset of the segment's data in the packet's data.
    offset: usize,
    /// Bytes of the segment's data.
    data: usize,
    /// Bytes of the IPv4 and TCP headers, which each segment receives a copy of.
    headers: usize,
    is_last: bool,
}

impl CutPacket {
    /// Returns the size of the resulting packet in bytes, headers included.
    pub(in crate::net) fn bytes(&self) -> usize {
        self.headers + self.data
    }

    /// Writes the resulting packet to `bytes`: the headers of `packet`, updated for this segment, and the data of this
    /// segment. `bytes` must have the length of [`bytes`](Self::bytes), and `packet` must be the packet that was passed
    /// to [`pieces`].
    pub(in crate::net) fn write(&self, packet: &[u8], bytes: &mut [u8]) {
        let data = self.headers + self.offset;
        bytes[..self.headers].copy_from_slice(&packet[..self.headers]);
        bytes[self.headers..].copy_from_slice(&packet[data..data + self.data]);
        let mut ip = Ipv4Packet::new_unchecked(bytes);
        // The length fits, because the original packet is at least as long.
        ip.set_total_len(u16::try_from(self.bytes()).unwrap_or(u16::MAX));
        ip.fill_checksum();
        let [source, target] = [ip.src_addr().into(), ip.dst_addr().into()];
        let payload = ip.payload_mut();
        segment::shift_sequence(payload, u32::try_from(self.offset).unwrap_or(0));
        let mut tcp = TcpPacket::new_unchecked(payload);
        if !self.is_last {
            tcp.set_fin(false);
            tcp.set_psh(false);
        }
        tcp.fill_checksum(&source, &target);
    }
}

/// Cuts a packet of TCP over IPv4 into segments with at most `each` bytes of data. A packet without data yields one
/// segment.
pub(in crate::net) fn pieces(packet: &[u8], each: u16) -> impl Iterator<Item = CutPacket> + use<> {
    let each = usize::from(each.max(1));
    let ip = Ipv4Packet::new_unchecked(packet);
    let headers = usize::from(ip.header_len());
    let headers = headers + usize::from(TcpPacket::new_unchecked(&packet[headers..]).header_len());
    let end = packet.len().saturating_sub(headers);
    let offsets = (0..end.max(1)).step_by(each);
    offsets.map(move |offset| {
        let data = each.min(end - offset);
        CutPacket { offset, data, headers, is_last: offset + data == end }
    })
}

/// Allows routers to fragment the IPv4 packet: clears its "don't fragment" flag and sets its identification, which the
/// receiver needs to match the fragments.
pub(in crate::net) fn allow_fragments(packet: &mut [u8], identification: u16) {
    let mut ip = Ipv4Packet::new_unchecked(packet);
    ip.set_dont_frag(false);
    ip.set_ident(identification);
    ip.fill_checksum();
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{IpProtocol, Ipv4Repr, TcpControl, TcpRepr, TcpSeqNumber};

    use super::*;

    const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
    const TARGET: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);

    fn packet(payload: &[u8]) -> Vec<u8> {
        let tcp = TcpRepr {
            src_port: 7379,
            dst_port: 50_000,
            control: TcpControl::Fin,
            seq_number: TcpSeqNumber(-100),
            ack_number: Some(TcpSeqNumber(7)),
            window_len: 500,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let ip = Ipv4Repr {
            src_addr: SOURCE,
            dst_addr: TARGET,
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let checksums = ChecksumCapabilities::default();
        let mut bytes = vec![0; ip.buffer_len() + tcp.buffer_len()];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
        ip.emit(&mut packet, &checksums);
        let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
        tcp.emit(&mut segment, &SOURCE.into(), &TARGET.into(), &checksums);
        bytes
    }

    /// Cuts `packet` and parses each resulting packet. Returns the sequence number, the data and the FIN flag of each
    /// segment.
    fn cut(packet: &[u8], each: u16) -> Vec<(i32, Vec<u8>, bool)> {
        let pieces = pieces(packet, each).map(|piece| {
            let mut bytes = vec![0; piece.bytes()];
            piece.write(packet, &mut bytes);
            let ip = Ipv4Packet::new_checked(&bytes).unwrap();
            assert!(ip.verify_checksum() && usize::from(ip.total_len()) == bytes.len());
            let tcp = TcpPacket::new_checked(ip.payload()).unwrap();
            assert!(tcp.verify_checksum(&SOURCE.into(), &TARGET.into()));
            assert_eq!((tcp.window_len(), tcp.ack_number()), (500, TcpSeqNumber(7)));
            (tcp.seq_number().0, tcp.payload().to_vec(), tcp.fin())
        });
        pieces.collect()
    }

    #[test]
    fn the_segments_have_the_data_of_the_packet() {
        let data: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for (each, count) in [(1, 1000), (88, 12), (536, 2), (999, 2), (1000, 1), (1460, 1)] {
            let pieces = cut(&packet(&data), each);
            assert_eq!(pieces.len(), count, "{each}");
            let mut next = -100;
            for (at, (sequence, part, ends)) in pieces.iter().enumerate() {
                assert_eq!(*sequence, next);
                assert_eq!(*ends, at + 1 == count);
                next += i32::try_from(part.len()).unwrap();
            }
            let whole: Vec<u8> = pieces.into_iter().flat_map(|(_, part, _)| part).collect();
            assert_eq!(whole, data, "{each}");
        }
    }

    #[test]
    fn a_packet_without_data_is_one_segment() {
        assert_eq!(cut(&packet(b""), 88), [(-100, Vec::new(), true)]);
    }

    #[test]
    fn a_packet_that_may_be_fragmented_is_marked() {
        let mut bytes = packet(b"x");
        allow_fragments(&mut bytes, 77);
        let ip = Ipv4Packet::new_checked(&bytes).unwrap();
        assert!(ip.verify_checksum() && !ip.dont_frag());
        assert_eq!(ip.ident(), 77);
    }
}
