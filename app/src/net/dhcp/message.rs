//! Parses the messages of DHCP servers.

use core::net::Ipv4Addr;

use runtime_config::unicast;
use smoltcp::wire::{DhcpMessageType, DhcpOpCode, DhcpPacket, EthernetAddress};

use super::options;
use super::outgoing::{self, AddressOffer};

/// The four bytes ("magic cookie") in front of the options (RFC 2131 section 3).
const MAGIC: u32 = 0x6382_5363;

/// Number of the hardware type Ethernet.
const ETHERNET: u16 = 1;

/// A message of a server that is addressed to this client and belongs to its current transaction.
#[derive(Debug)]
pub(super) struct ServerMessage<'a> {
    /// Type of the message: OFFER, ACK or NAK.
    pub(super) kind: DhcpMessageType,
    /// Address of the server.
    pub(super) server: Ipv4Addr,
    /// Address that the server grants to the client.
    pub(super) address: Ipv4Addr,
    /// The subnet mask, if the server sends one.
    pub(super) mask: Option<Ipv4Addr>,
    routers: &'a [u8],
    /// Seconds until the end of the lease. The next two fields are the seconds until its renewal (T1) and its rebinding
    /// (T2).
    pub(super) lease_secs: Option<u32>,
    pub(super) renewal_secs: Option<u32>,
    pub(super) rebinding_secs: Option<u32>,
}

impl<'a> ServerMessage<'a> {
    /// Parses a message. Returns `None` if the message is damaged, or is not for the client with the hardware address
    /// `mac` and its transaction `xid`.
    pub(super) fn parse(payload: &'a [u8], xid: u32, mac: EthernetAddress) -> Option<Self> {
        let packet = DhcpPacket::new_checked(payload).ok()?;
        let is_ours = packet.opcode() == DhcpOpCode::Reply
            && u16::from(packet.hardware_type()) == ETHERNET
            && packet.hardware_len() == 6
            && packet.magic_number() == MAGIC
            && packet.transaction_id() == xid
            && packet.client_hardware_address() == mac;
        // A server may repeat the client identifier in its answer. The identifier must then be that of this client (RFC
        // 6842).
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

    /// Iterates over the routers, in the server's order of preference.
    pub(super) fn routers(&self) -> impl Iterator<Item = Ipv4Addr> {
        let (routers, _) = self.routers.as_chunks();
        routers.iter().map(|&octets| Ipv4Addr::from_octets(octets))
    }

    /// Returns the server and the granted address, which a REQUEST must repeat.
    pub(super) fn offer(&self) -> AddressOffer {
        AddressOffer { server: self.server, address: self.address }
    }
}
