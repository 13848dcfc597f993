//! Checks that all frames of the image are well-formed and have the correct sender address.

use std::net::Ipv4Addr;

use super::frame::{self, ARP, ICMP, IPV4, TCP, Tcp, UDP};
use super::port::{MAC, MTU, Sent};

/// A parsed frame of the image.
#[derive(Debug)]
pub(crate) enum Out {
    /// An ARP request for the hardware address of a machine.
    Question(Ipv4Addr),
    /// A segment to a machine.
    Segment([u8; 6], Ipv4Addr, Tcp),
    /// A DHCP message.
    Dhcp(Vec<u8>),
    /// Any other frame.
    Other,
}

/// Parses and checks a frame of the image. `own` are the addresses that the image has had so far.
///
/// # Panics
/// The frame is not well-formed.
pub(crate) fn read(sent: &Sent, cuts: bool, own: &[Ipv4Addr]) -> Out {
    let bytes = &sent.bytes;
    assert!(bytes.len() >= 14, "{bytes:02x?}");
    let (target, source): ([u8; 6], [u8; 6]) = (to_mac(bytes), to_mac(&bytes[6..]));
    assert_eq!(source, MAC, "{bytes:02x?}");
    assert!(target != MAC && (target == frame::ALL || target[0] & 1 == 0), "{bytes:02x?}");
    match u16::from_be_bytes([bytes[12], bytes[13]]) {
        ARP => read_arp(&bytes[14..], own),
        IPV4 => read_packet(target, sent, cuts, own),
        kind => panic!("a frame of type {kind:#06x}: {bytes:02x?}"),
    }
}

fn to_mac(bytes: &[u8]) -> [u8; 6] {
    bytes[..6].try_into().unwrap_or_default()
}

fn address(bytes: &[u8]) -> Ipv4Addr {
    Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[..4]).unwrap_or_default())
}

fn read_arp(bytes: &[u8], own: &[Ipv4Addr]) -> Out {
    assert_eq!(bytes.len(), 28, "{bytes:02x?}");
    assert_eq!(bytes[..6], [0, 1, 8, 0, 6, 4], "{bytes:02x?}");
    assert_eq!(to_mac(&bytes[8..]), MAC, "{bytes:02x?}");
    let (sender, target) = (address(&bytes[14..]), address(&bytes[24..]));
    assert!(own.contains(&sender), "ARP from {sender}, not {own:?}");
    match u16::from_be_bytes([bytes[6], bytes[7]]) {
        1 if target == sender => Out::Other,
        1 => Out::Question(target),
        2 => Out::Other,
        operation => panic!("ARP operation {operation}"),
    }
}

fn read_packet(mac: [u8; 6], sent: &Sent, cuts: bool, own: &[Ipv4Addr]) -> Out {
    let bytes = &sent.bytes[14..];
    assert!(bytes.len() >= 20, "{bytes:02x?}");
    assert_eq!(bytes[0], 0x45, "the image sends no options: {bytes:02x?}");
    assert_eq!(frame::sum(&[&bytes[..20]]), 0xffff, "checksum of the header: {bytes:02x?}");
    let total = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
    assert_eq!(total, bytes.len(), "{bytes:02x?}");
    assert_eq!(bytes[6] & 0x3f, 0, "the image sends no fragments");
    assert!(bytes[8] > 0, "the image gives each packet time to live");
    let (source, target, protocol) = (address(&bytes[12..]), address(&bytes[16..]), bytes[9]);
    let payload = &bytes[20..];
    let is_dhcp = protocol == UDP && payload.starts_with(&[0, 68, 0, 67]);
    if is_dhcp && source.is_unspecified() {
        assert_eq!(target, Ipv4Addr::BROADCAST);
    } else {
        assert!(own.contains(&source), "a packet from {source}, not {own:?}");
    }
    let is_host = !target.is_multicast() && !target.is_loopback() && target.octets()[0] != 0;
    assert!(is_host && target != source, "a packet to {target}");
    assert!(is_dhcp || !target.is_broadcast(), "a packet to all");
    match sent.each {
        Some(each) if total > MTU => {
            assert!(cuts && protocol == TCP && usize::from(each.get()) <= MTU - 40, "{each}");
        }
        _ => assert!(total <= MTU, "{total} bytes in one piece"),
    }
    let pseudo = frame::pseudo(source, target, protocol, payload.len());
    let is_sound = match protocol {
        // The checksum is not checked here, because the device completes it.
        TCP => cuts || frame::sum(&[&pseudo, payload]) == 0xffff,
        UDP => payload[6..8] == [0, 0] || frame::sum(&[&pseudo, payload]) == 0xffff,
        ICMP => frame::sum(&[payload]) == 0xffff,
        _ => panic!("a packet of protocol {protocol}"),
    };
    assert!(is_sound, "checksum of the payload: {bytes:02x?}");
    match protocol {
        TCP => {
            let segment = Tcp::read(payload).expect("a segment with its header");
            assert!(segment.source != 0 && segment.target != 0, "{segment:?}");
            Out::Segment(mac, target, segment)
        }
        UDP if is_dhcp => Out::Dhcp(payload[8..].to_vec()),
        _ => Out::Other,
    }
}
