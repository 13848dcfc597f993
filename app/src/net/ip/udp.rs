//! DHCP messages in UDP datagrams (RFC 768).

use smoltcp::wire::{IpAddress, UdpPacket};

use super::header::Ipv4Header;
use crate::net::drops::Drop;

/// The ports of DHCP (RFC 2131 section 4.1).
const SERVER: u16 = 67;
const CLIENT: u16 = 68;

/// Returns the message of a DHCP server in a packet, or `None` for any other packet. The checksum is verified unless
/// the device has verified it, because some servers on the same host leave it to a device.
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
