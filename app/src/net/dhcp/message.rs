//! The message of a server.

use core::net::Ipv4Addr;

use runtime_config::unicast;
use smoltcp::wire::{DhcpMessageType, DhcpOpCode, DhcpPacket, EthernetAddress};

use super::options;
use super::outgoing::{self, AddressOffer};

/// The number in front of the options (RFC 2131 section 3).
const MAGIC: u32 = 0x6382_5363;

/// Ethernet, as the type of a hardware address.
const ETHERNET: u16 = 1;

/// An answer to this client from a server that it can answer in turn.
#[derive(Debug)]
pub(super) struct ServerMessage<'a> {
    /// OFFER, ACK or NAK.
    pub(super) kind: DhcpMessageType,
    /// The server's own address.
    pub(super) server: Ipv4Addr,
    /// The client's address.
    pub(super) address: Ipv4Addr,
    /// The mask, where the server says one.
    pub(super) mask: Option<Ipv4Addr>,
    routers: &'a [u8],
    /// Seconds of the lease, until its renewal and until its rebinding.
    pub(super) lease_secs: Option<u32>,
    pub(super) renewal_secs: Option<u32>,
    pub(super) rebinding_secs: Option<u32>,
}

impl<'a> ServerMessage<'a> {
    /// Reads a message; `None` if it is damaged, or not for the client with `mac` and its question `xid`.
    pub(super) fn parse(payload: &'a [u8], xid: u32, mac: EthernetAddress) -> Option<Self> {
        let packet = DhcpPacket::new_checked(payload).ok()?;
        let is_ours = packet.opcode() == DhcpOpCode::Reply
            && u16::from(packet.hardware_type()) == ETHERNET
            && packet.hardware_len() == 6
            && packet.magic_number() == MAGIC
            && packet.transaction_id() == xid
            && packet.client_hardware_address() == mac;
        // A server that repeats the client's identifier must repeat the right one (RFC 6842).
        let client = options::find(payload, options::CLIENT);
        if !is_ours || client.is_some_and(|client| client != outgoing::client_id(mac)) {
            return None;
        }
        let [kind] = options::find_bytes(payload, options::MESSAGE_TYPE)?;
        let kind = DhcpMessageType::from(kind);
        if !matches!(kind, DhcpMessageType::Offer | DhcpMessageType::Ack | DhcpMessageType::Nak) {
            return None;
        }
        let server = Ipv4Addr::from_bits(options::find_number(payload, options::SERVER)?);
        if !unicast::is_unicast(server) {
            return None;
        }
        Some(Self {
            kind,
            server,
            address: packet.your_ip(),
            mask: options::find_number(payload, options::SUBNET_MASK).map(Ipv4Addr::from_bits),
            routers: options::find(payload, options::ROUTER).unwrap_or(&[]),
            lease_secs: options::find_number(payload, options::LEASE_SECONDS),
            renewal_secs: options::find_number(payload, options::RENEWAL_SECONDS),
            rebinding_secs: options::find_number(payload, options::REBINDING_SECONDS),
        })
    }

    /// The routers, the server's favourite first.
    pub(super) fn routers(&self) -> impl Iterator<Item = Ipv4Addr> {
        let (routers, _) = self.routers.as_chunks();
        routers.iter().map(|&octets| Ipv4Addr::from_octets(octets))
    }

    /// The request that takes the offer.
    pub(super) fn offer(&self) -> AddressOffer {
        AddressOffer { server: self.server, address: self.address }
    }
}
