//! Prepares packets whose TCP checksum is completed by the network device.

/// Bytes of the Ethernet, IPv4 and TCP headers, without options.
const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;
const TCP_BYTES: usize = 20;

/// The value of the type field in an Ethernet header that means IPv4. [`PROTOCOL_TCP`] is the number of TCP in an IPv4
/// header.
const TYPE_IPV4: [u8; 2] = [0x08, 0x00];
const PROTOCOL_TCP: u8 = 6;

/// Offset of the checksum in a TCP header.
const CHECKSUM_OFFSET: u16 = 16;

/// The parameters that the device needs to complete the checksum of a packet and to segment the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Offset of the TCP header in the frame. The device sums all bytes from there to the end of the packet.
    pub start: u16,
    /// Offset of the checksum field from `start`.
    pub offset: u16,
    /// Bytes of all headers, from the start of the frame to the data.
    pub headers: u16,
}

/// Prepares an Ethernet frame for checksum offload: writes the sum of the pseudo header to the checksum field, and
/// returns the parameters for the device. If the frame does not contain TCP over IPv4, returns `None` and leaves the
/// frame unchanged.
pub fn leave(frame: &mut [u8]) -> Option<Partial> {
    let (ethernet, ip) = frame.split_at_mut_checked(ETHERNET_BYTES)?;
    if ethernet[12..] != TYPE_IPV4 {
        return None;
    }
    let fixed: &[u8; IPV4_BYTES] = ip.first_chunk()?;
    let [first, _, high, low, _, _, _, _, _, protocol, _, _, addresses @ ..] = *fixed;
    let header = usize::from(first & 0xf) * 4;
    let total = usize::from(u16::from_be_bytes([high, low]));
    if first >> 4 != 4 || protocol != PROTOCOL_TCP || header < IPV4_BYTES {
        return None;
    }
    let tcp = ip.get_mut(header..total)?;
    let tcp_bytes = u16::try_from(tcp.len()).ok()?;
    let tcp_header: &mut [u8; TCP_BYTES] = tcp.first_chunk_mut()?;
    let sum = pseudo_header(addresses, tcp_bytes);
    tcp_header[16..18].copy_from_slice(&sum.to_be_bytes());
    let start = u16::try_from(ETHERNET_BYTES + header).ok()?;
    let headers = start + u16::from(tcp_header[12] >> 4) * 4;
    Some(Partial { start, offset: CHECKSUM_OFFSET, headers })
}

/// Returns the 16-bit sum of the TCP pseudo header: both addresses, the protocol number and the length of the segment.
fn pseudo_header(addresses: [u8; 8], bytes: u16) -> u16 {
    let [source, target] = [0, 4].map(|at| {
        let word = [addresses[at], addresses[at + 1], addresses[at + 2], addresses[at + 3]];
        u64::from(u32::from_be_bytes(word))
    });
    let halves = |bits: u64| (bits >> 16) + (bits & 0xffff);
    let sum = source + target + u64::from(PROTOCOL_TCP) + u64::from(bytes);
    u16::try_from(halves(halves(halves(sum)))).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{
        EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpProtocol, Ipv4Address,
        Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
    };

    use super::*;

    /// Returns a segment with a payload, and its checksum.
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

    /// Completes a partial checksum like a device.
    fn complete(frame: &mut [u8], partial: Partial) {
        let start = usize::from(partial.start);
        let mut sum = frame[start..].chunks(2).fold(0u32, |sum, pair| {
            sum + u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]))
        });
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        let place = start + usize::from(partial.offset);
        let checksum = !u16::try_from(sum).unwrap();
        frame[place..place + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    #[test]
    fn a_device_completes_the_partial_checksum() {
        let long: Vec<u8> = (0..1460u32).map(|at| (at * 7 % 251).to_le_bytes()[0]).collect();
        for payload in [&b""[..], b"x", b"ping\r\n", &[0xff; 333], &long] {
            let sound = frame(payload);
            let mut left = sound.clone();
            // smoltcp leaves 0 when it does not compute the checksum.
            left[50..52].fill(0);
            let partial = leave(&mut left).unwrap();
            assert_eq!(partial, Partial { start: 34, offset: 16, headers: 54 });
            complete(&mut left, partial);
            assert_eq!(left, sound, "{} bytes", payload.len());
        }
    }

    #[test]
    fn frames_without_tcp_are_not_changed() {
        let sound = frame(b"x");
        for (at, byte) in [(12, 0x86), (14, 0x65), (23, 17)] {
            let mut other = sound.clone();
            other[at] = byte;
            let before = other.clone();
            assert_eq!(leave(&mut other), None, "byte {at}");
            assert_eq!(other, before);
        }
        for cut in 0..54 {
            let mut part = sound[..cut].to_vec();
            assert_eq!(leave(&mut part), None, "cut at {cut}");
        }
    }
}
