//! The parts of the network stack that a received packet passes, and the packet.

use smoltcp::iface::Interface;
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use crate::net::addressing::Addressing;
use crate::net::ip::header::Ipv4Header;
use crate::net::sockets::Sockets;
use crate::net::tcp::cookie::Cookies;
use crate::net::wire::Wire;

/// The parts that a received packet passes.
pub(in crate::net) struct Front {
    pub(in crate::net) interface: Interface,
    pub(in crate::net) sockets: Sockets,
    pub(in crate::net) wire: Wire,
    pub(in crate::net) addressing: Addressing,
    pub(in crate::net) cookies: Cookies,
    /// Time until which an ACK may contain a valid cookie.
    pub(in crate::net) cookies_until: Instant,
}

/// A received IPv4 packet, its parsed header, the hardware address of its sender, and whether its TCP checksum has
/// already been verified.
#[derive(Debug)]
pub(in crate::net) struct Packet<'a> {
    pub(in crate::net) bytes: &'a mut [u8],
    pub(in crate::net) header: Ipv4Header,
    pub(in crate::net) mac: Option<EthernetAddress>,
    pub(in crate::net) is_sound: bool,
}

impl Packet<'_> {
    /// Returns the bytes behind the IPv4 header.
    pub(in crate::net) fn payload(&mut self) -> &mut [u8] {
        &mut self.bytes[self.header.bytes..]
    }
}

impl Front {
    /// Creates the dispatch from its parts. `seed` is the secret of the SYN cookies.
    pub(in crate::net) fn new(
        interface: Interface,
        sockets: Sockets,
        wire: Wire,
        addressing: Addressing,
        seed: u64,
    ) -> Self {
        let cookies = Cookies::new([seed, seed.rotate_left(23)]);
        Self { interface, sockets, wire, addressing, cookies, cookies_until: Instant::ZERO }
    }
}
