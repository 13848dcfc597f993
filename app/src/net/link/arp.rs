//! Parses and writes ARP packets in Ethernet frames.

use core::net::Ipv4Addr;

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
};

/// Bytes of a frame with an ARP packet for IPv4.
pub(in crate::net) const FRAME_BYTES: usize = 14 + 28;

/// Parses an ARP packet. Returns `None` if the packet is damaged or not for Ethernet and IPv4.
pub(super) fn read(bytes: &[u8]) -> Option<ArpRepr> {
    let packet = ArpPacket::new_checked(bytes).ok()?;
    ArpRepr::parse(&packet).ok()
}

/// Creates a request for the hardware address of `target`. `mac` and `source` are the addresses of this machine.
pub(super) fn question(mac: EthernetAddress, source: Ipv4Addr, target: Ipv4Addr) -> ArpRepr {
    ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: mac,
        source_protocol_addr: source,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    }
}

/// Creates the answer to the request `question` for the hardware address of this machine, `mac`.
pub(super) fn answer(question: &ArpRepr, mac: EthernetAddress) -> Option<ArpRepr> {
    let ArpRepr::EthernetIpv4 {
        source_hardware_addr,
        source_protocol_addr,
        target_protocol_addr,
        ..
    } = *question
    else {
        return None;
    };
    Some(ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr: mac,
        source_protocol_addr: target_protocol_addr,
        target_hardware_addr: source_hardware_addr,
        target_protocol_addr: source_protocol_addr,
    })
}

/// Writes a frame with the ARP packet, addressed to the target in the packet.
pub(super) fn write(bytes: &mut [u8], packet: &ArpRepr) {
    if let ArpRepr::EthernetIpv4 { target_hardware_addr, .. } = *packet {
        write_to(bytes, packet, target_hardware_addr);
    }
}

/// Writes a frame with the ARP packet, addressed to `target`, which may be the broadcast address.
pub(super) fn write_to(bytes: &mut [u8], packet: &ArpRepr, target: EthernetAddress) {
    let ArpRepr::EthernetIpv4 { source_hardware_addr, .. } = *packet else { return };
    let mut frame = EthernetFrame::new_unchecked(bytes);
    frame.set_dst_addr(target);
    frame.set_src_addr(source_hardware_addr);
    frame.set_ethertype(EthernetProtocol::Arp);
    packet.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
}
