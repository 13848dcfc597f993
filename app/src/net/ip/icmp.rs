//! Parses the ICMP message "fragmentation needed", by which a router reports that it cannot forward a packet of this
//! machine because the packet is too large (RFC 792, RFC 1191).

use core::net::Ipv4Addr;

use smoltcp::wire::{Icmpv4DstUnreachable, Icmpv4Message, Icmpv4Packet};

use super::header::{HEADER_BYTES, TCP};
use crate::net::drops::Drop;
use crate::net::route::Key;
use crate::net::tcp::path;

/// The content of a "fragmentation needed" message. The message quotes the beginning of the packet that was too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct TooLarge {
    /// Key of the connection to which the quoted packet belongs.
    pub(in crate::net) key: Key,
    /// TCP sequence number of the quoted packet.
    pub(in crate::net) sequence: u32,
    /// Maximum segment size, in bytes of data, that the router can forward, or `None` if the router does not report its
    /// MTU.
    pub(in crate::net) bytes: Option<u16>,
}

/// Parses an ICMP message to this machine, whose address is `own`. Returns `Ok(None)` for messages of other types.
pub(in crate::net) fn read(message: &[u8], own: Ipv4Addr) -> Result<Option<TooLarge>, Drop> {
    let packet = Icmpv4Packet::new_checked(message).map_err(|_| Drop::Icmp)?;
    if !packet.verify_checksum() {
        return Err(Drop::Icmp);
    }
    let is_too_large = packet.msg_type() == Icmpv4Message::DstUnreachable
        && packet.msg_code() == u8::from(Icmpv4DstUnreachable::FragRequired);
    if !is_too_large {
        return Ok(None);
    }
    let [.., high, low] = *message.first_chunk::<8>().ok_or(Drop::Icmp)?;
    quote(&message[8..], own, u16::from_be_bytes([high, low])).map(Some).ok_or(Drop::Icmp)
}

/// Parses the quoted IPv4 header and the first eight bytes of the TCP header behind it. Returns `None` if the quoted
/// packet is not a TCP packet of this machine.
fn quote(quoted: &[u8], own: Ipv4Addr, mtu: u16) -> Option<TooLarge> {
    let header: &[u8; HEADER_BYTES] = quoted.first_chunk()?;
    let source: [u8; 4] = *header[12..].first_chunk()?;
    let target: [u8; 4] = *header[16..].first_chunk()?;
    if header[0] >> 4 != 4 || header[9] != TCP || Ipv4Addr::from(source) != own {
        return None;
    }
    let tcp: [u8; 8] = *quoted.get(usize::from(header[0] & 0xf) * 4..)?.first_chunk()?;
    let [a, b, c, d, sequence @ ..] = tcp;
    let [local, port] = [[a, b], [c, d]].map(u16::from_be_bytes);
    let key = Key { address: target.into(), port, local };
    let bytes = (mtu > 0).then(|| mtu.saturating_sub(path::HEADERS));
    Some(TooLarge { key, sequence: u32::from_be_bytes(sequence), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

    fn message(mtu: u16) -> Vec<u8> {
        let mut bytes = vec![0; 36];
        bytes[0] = 3;
        bytes[1] = 4;
        bytes[6..8].copy_from_slice(&mtu.to_be_bytes());
        bytes[8] = 0x45;
        bytes[17] = TCP;
        bytes[20..24].copy_from_slice(&OWN.octets());
        bytes[24..28].copy_from_slice(&[10, 9, 0, 2]);
        bytes[28..36].copy_from_slice(&[0x1c, 0xd3, 0xc3, 0x50, 0, 0, 0, 9]);
        Icmpv4Packet::new_unchecked(&mut bytes).fill_checksum();
        bytes
    }

    #[test]
    fn the_connection_and_the_size_are_parsed() {
        let key = Key { address: Ipv4Addr::new(10, 9, 0, 2), port: 50_000, local: 7379 };
        for (mtu, bytes) in [(1280, Some(1240)), (20, Some(0)), (0, None)] {
            let expected = TooLarge { key, sequence: 9, bytes };
            assert_eq!(read(&message(mtu), OWN), Ok(Some(expected)));
        }
    }

    #[test]
    fn other_and_damaged_messages_are_ignored() {
        let mut echo = vec![8, 0, 0, 0, 0, 0, 0, 0];
        Icmpv4Packet::new_unchecked(&mut echo).fill_checksum();
        assert_eq!(read(&echo, OWN), Ok(None));
        let whole = message(1280);
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut], OWN), Err(Drop::Icmp), "{cut}");
        }
        assert_eq!(read(&whole, Ipv4Addr::new(10, 0, 2, 16)), Err(Drop::Icmp));
        let mut other = whole;
        other[7] ^= 1;
        assert_eq!(read(&other, OWN), Err(Drop::Icmp), "its checksum");
    }
}
