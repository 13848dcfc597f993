//! Writes the packets of the DHCP client, with their IPv4, UDP and DHCP headers.

use core::net::Ipv4Addr;

use arrayvec::ArrayVec;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress,
    IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::options;

/// Maximum size of a packet in bytes. Every host accepts packets of this size (RFC 1122 section 3.3.2).
const PACKET_BYTES_MAX: usize = 576;
/// Maximum size, in bytes, of the messages that this client accepts, as announced to servers. A lower value would be
/// useless, because servers need not respect it.
const MESSAGE_BYTES_MAX: u16 = 576;

/// Minimum size of a message in bytes, because relays may drop shorter messages (RFC 1542 section 2.1).
const MESSAGE_BYTES_MIN: usize = 300;

const IP_BYTES: usize = 20;
const UDP_BYTES: usize = 8;

/// The options that the client requests from servers.
const WANTED: [u8; 5] = [
    options::SUBNET_MASK,
    options::ROUTER,
    options::LEASE_SECONDS,
    options::RENEWAL_SECONDS,
    options::REBINDING_SECONDS,
];

/// A complete IPv4 packet with checksums, ready to be sent.
#[derive(Debug)]
pub(in crate::net) struct Outgoing {
    /// The bytes from the IPv4 header on.
    pub(in crate::net) packet: ArrayVec<u8, PACKET_BYTES_MAX>,
    /// The receiver: 255.255.255.255, or the server that granted the lease. If that server is on another network, the
    /// packet must be sent to the router.
    pub(in crate::net) to: Ipv4Addr,
}

/// The fields that all messages of a transaction have.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageHeader {
    /// The client's hardware address.
    pub(super) mac: EthernetAddress,
    /// The transaction id.
    pub(super) xid: u32,
    /// Seconds since the start of the transaction.
    pub(super) secs: u16,
}

/// The offer of a server that the client accepts.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressOffer {
    /// The server.
    pub(super) server: Ipv4Addr,
    /// The offered address.
    pub(super) address: Ipv4Addr,
}

/// Returns the client identifier: the hardware type 1 (Ethernet) and the hardware address.
pub(super) fn client_id(mac: EthernetAddress) -> [u8; 7] {
    let [a, b, c, d, e, f] = mac.0;
    [1, a, b, c, d, e, f]
}

/// Writes a DISCOVER.
pub(super) fn discover(header: &MessageHeader) -> Outgoing {
    write(&message(header, DhcpMessageType::Discover), Ipv4Addr::BROADCAST)
}

/// Writes the REQUEST that accepts an offer.
pub(super) fn request(header: &MessageHeader, offer: AddressOffer) -> Outgoing {
    let message = DhcpRepr {
        requested_ip: Some(offer.address),
        server_identifier: Some(offer.server),
        ..message(header, DhcpMessageType::Request)
    };
    write(&message, Ipv4Addr::BROADCAST)
}

/// Writes the REQUEST to `to` that renews the lease of `address`.
pub(super) fn renew(header: &MessageHeader, address: Ipv4Addr, to: Ipv4Addr) -> Outgoing {
    let message = message(header, DhcpMessageType::Request);
    write(&DhcpRepr { client_ip: address, ..message }, to)
}

fn message(header: &MessageHeader, message_type: DhcpMessageType) -> DhcpRepr<'static> {
    DhcpRepr {
        message_type,
        transaction_id: header.xid,
        secs: header.secs,
        client_hardware_address: header.mac,
        client_ip: Ipv4Addr::UNSPECIFIED,
        your_ip: Ipv4Addr::UNSPECIFIED,
        server_ip: Ipv4Addr::UNSPECIFIED,
        router: None,
        subnet_mask: None,
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        // The server may send its answer to the offered address, because this machine accepts DHCP messages to any
        // address.
        broadcast: false,
        requested_ip: None,
        client_identifier: Some(header.mac),
        server_identifier: None,
        parameter_request_list: Some(&WANTED),
        dns_servers: None,
        max_size: Some(MESSAGE_BYTES_MAX),
        lease_duration: None,
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    }
}

fn write(message: &DhcpRepr<'_>, to: Ipv4Addr) -> Outgoing {
    let message_bytes = message.buffer_len().max(MESSAGE_BYTES_MIN);
    let ip = Ipv4Repr {
        src_addr: message.client_ip,
        dst_addr: to,
        next_header: IpProtocol::Udp,
        payload_len: UDP_BYTES + message_bytes,
        hop_limit: 64,
    };
    let checksums = ChecksumCapabilities::default();
    let mut bytes = [0; PACKET_BYTES_MAX];
    let length = IP_BYTES + UDP_BYTES + message_bytes;
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..length]);
    ip.emit(&mut packet, &checksums);
    let emit = |payload: &mut [u8]| {
        let is_written = message.emit(&mut DhcpPacket::new_unchecked(payload)).is_ok();
        assert!(is_written, "a DHCP message of {message_bytes} bytes does not fit into itself");
    };
    UdpRepr { src_port: DHCP_CLIENT_PORT, dst_port: DHCP_SERVER_PORT }.emit(
        &mut UdpPacket::new_unchecked(packet.payload_mut()),
        &ip.src_addr.into(),
        &ip.dst_addr.into(),
        message_bytes,
        emit,
        &checksums,
    );
    let mut packet = ArrayVec::from(bytes);
    packet.truncate(length);
    Outgoing { packet, to }
}
