//! Announces the address of this machine by gratuitous ARP requests.
//!
//! An announcement makes this machine reachable immediately from a neighbour with an old ARP entry, through a bridge
//! that has not seen the machine, and through a relay that learns the hardware address from the first packet (passt).
//! smoltcp does not send announcements, so the frame is written here. This module does not check whether another
//! machine has the same address: the address was configured or given by DHCP, and a probe would delay each boot by
//! seconds.

use core::net::Ipv4Addr;

use smoltcp::phy::TxToken;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

use super::arp;
use crate::net::nic::Nic;

/// Number of announcements of an address (RFC 5227, `ANNOUNCE_NUM`).
const COUNT: u8 = 2;

/// The time between two announcements (RFC 5227, `ANNOUNCE_INTERVAL`).
const INTERVAL: Duration = Duration::from_secs(2);

/// The announcements of the current address. They start again when the address changes.
#[derive(Debug)]
pub(super) struct Announcer {
    address: Option<Ipv4Addr>,
    /// Number of announcements that are still to be sent. `due` is the time of the next one.
    left: u8,
    due: Instant,
}

impl Announcer {
    /// Creates an announcer without an address.
    pub(super) const fn new() -> Self {
        Self { address: None, left: 0, due: Instant::ZERO }
    }

    /// Sends the announcement of `address` that is due, if any. If the device is full, a later call sends the
    /// announcement.
    pub(super) fn poll<N: Nic>(&mut self, nic: &mut N, address: Option<Ipv4Addr>, now: Instant) {
        if self.address != address {
            self.address = address;
            self.left = COUNT;
            self.due = now;
        }
        if self.left == 0 || now < self.due || nic.is_full() {
            return;
        }
        let Some(address) = address else { return };
        let mac = EthernetAddress(nic.mac());
        if let Some(slot) = nic.transmit() {
            slot.consume(arp::FRAME_BYTES, |bytes| write(bytes, mac, address));
            self.left -= 1;
            self.due = now + INTERVAL;
        }
    }

    /// Returns the time of the next announcement, or `None` if all have been sent.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        (self.left > 0 && self.address.is_some()).then_some(self.due)
    }
}

/// Writes a frame with the announcement of `address`: an ARP request in which the sender and the target address are
/// equal (RFC 5227 section 3).
fn write(bytes: &mut [u8], mac: EthernetAddress, address: Ipv4Addr) {
    let request = arp::question(mac, address, address);
    arp::write_to(bytes, &request, EthernetAddress::BROADCAST);
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::{ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol};

    use super::*;

    #[test]
    fn the_frame_is_a_request_for_the_own_address() {
        let mac = EthernetAddress([2, 0, 0, 0, 0, 7]);
        let address = Ipv4Addr::new(10, 0, 2, 15);
        let mut bytes = vec![0; arp::FRAME_BYTES];
        write(&mut bytes, mac, address);
        let frame = EthernetFrame::new_checked(&bytes[..]).unwrap();
        assert_eq!(frame.dst_addr(), EthernetAddress::BROADCAST);
        assert_eq!((frame.src_addr(), frame.ethertype()), (mac, EthernetProtocol::Arp));
        let packet = ArpPacket::new_checked(frame.payload()).unwrap();
        let expected = arp::question(mac, address, address);
        assert_eq!(ArpRepr::parse(&packet).unwrap(), expected);
    }
}
