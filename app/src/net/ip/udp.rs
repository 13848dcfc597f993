//! Extracts DHCP messages from UDP datagrams (RFC 768).

use smoltcp::wire::{IpAddress, UdpPacket};

use super::header::Ipv4Header;
use crate::net::drops::Drop;

/// The ports of DHCP (RFC 2131 section 4.1).
const SERVER: u16 = 67;
const CLIENT: u16 = 68;

/// Returns the message of a DHCP server in a UDP packet, or `Ok(None)` for any other packet. The checksum is not
/// verified if `is_sound` is set: the device then vouches for the packet, and servers on the same host may leave the
/// checksum incomplete.
pub(in crate::net) fn message_to_client<'a>(
    header: &Ipv4Header,
    packet: &'a [u8],
    is_sound: bool,
) -> Result<Option<&'a [u8]>, Drop> {
    let Ok(datagram) = UdpPacket::new_checked(&packet[header.bytes..]) else { return Ok(None) };
    if (datagram.src_port(), datagram.dst_port()) != (SERVER, CLIENT) {
        return Ok(None);
    }
    let [source, target] = [header.source, header.target].map(IpAddress::Ipv4);
    if !is_sound && !datagram.verify_checksum(&source, &target) {
        return Err(Drop::Dhcp);
    }
    Ok(Some(datagram.payload()))
}
