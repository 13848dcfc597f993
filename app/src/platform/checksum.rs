//! The TCP checksum of a packet for which no device vouches.

use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, TcpPacket,
};

/// Whether the checksum of an Ethernet frame is right, if it is TCP over IPv4: all else is for whoever
/// reads it. What was not sent may stand behind the packet's end.
#[must_use]
pub fn is_right(frame: &[u8]) -> bool {
    let ethernet = EthernetFrame::new_unchecked(frame);
    if ethernet.check_len().is_err() || ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return true;
    }
    let Ok(ip) = Ipv4Packet::new_checked(ethernet.payload()) else { return true };
    if ip.next_header() != IpProtocol::Tcp {
        return true;
    }
    let [source, target] = [ip.src_addr(), ip.dst_addr()].map(IpAddress::Ipv4);
    let segment = TcpPacket::new_checked(ip.payload());
    segment.is_ok_and(|segment| segment.verify_checksum(&source, &target))
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{
        EthernetAddress, EthernetRepr, Ipv4Address, Ipv4Repr, TcpControl, TcpRepr, TcpSeqNumber,
    };

    use super::*;

    /// A segment with a payload, and its checksum.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let (source, target) = (Ipv4Address::new(10, 0, 2, 2), Ipv4Address::new(192, 168, 255, 15));
        let tcp = TcpRepr {
            src_port: 50_000,
            dst_port: 7379,
            control: TcpControl::Psh,
            seq_number: TcpSeqNumber(0x7fff_fff0),
            ack_number: Some(TcpSeqNumber(5)),
            window_len: 0xffff,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let ip = Ipv4Repr {
            src_addr: source,
            dst_addr: target,
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let capabilities = ChecksumCapabilities::default();
        let mut bytes = vec![0; 14 + ip.buffer_len() + tcp.buffer_len()];
        let mut ethernet = EthernetFrame::new_unchecked(&mut bytes);
        let address = EthernetAddress([2, 0, 0, 0, 0, 1]);
        let (src_addr, dst_addr, ethertype) = (address, address, EthernetProtocol::Ipv4);
        EthernetRepr { src_addr, dst_addr, ethertype }.emit(&mut ethernet);
        let mut packet = Ipv4Packet::new_unchecked(ethernet.payload_mut());
        ip.emit(&mut packet, &capabilities);
        let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
        tcp.emit(&mut segment, &source.into(), &target.into(), &capabilities);
        bytes
    }

    #[test]
    fn every_changed_byte_of_a_segment_is_seen() {
        for payload in [&b""[..], b"x", b"VMALLOC 1M\r\n", &[0xff; 1460], &[7; 20_000]] {
            let sound = frame(payload);
            assert!(is_right(&sound), "{} bytes", payload.len());
            for at in (34..sound.len()).step_by(1 + payload.len() / 50) {
                let mut changed = sound.clone();
                changed[at] ^= 0x10;
                assert!(!is_right(&changed), "byte {at}");
            }
            let mut longer = sound.clone();
            longer.extend([0xaa; 20]);
            assert!(is_right(&longer), "what stands behind the packet is not its own");
        }
    }

    #[test]
    fn what_is_no_tcp_is_for_others_to_judge() {
        let mut frame = frame(b"x");
        frame[50] ^= 1;
        assert!(!is_right(&frame));
        for (at, byte) in [(12, 0x86), (23, 17)] {
            let mut other = frame.clone();
            other[at] = byte;
            assert!(is_right(&other), "byte {at}");
        }
        assert!((0..34).all(|cut| is_right(&frame[..cut])));
    }
}
