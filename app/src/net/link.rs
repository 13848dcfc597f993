//! Adds and removes Ethernet headers, and finds the hardware addresses of neighbours by ARP.
//!
//! smoltcp caches eight neighbours and sends one ARP request per second in total. That is too little for many clients,
//! so smoltcp sees only IPv4 packets, and this module puts the packets into Ethernet frames. On a medium without
//! hardware addresses, packets pass unchanged.

mod announce;
pub(super) mod arp;
mod hop;
mod neighbors;
mod waiting;

use core::net::Ipv4Addr;

use smoltcp::phy::{Medium, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{ArpOperation, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol};

use super::drops::{Drop, Drops};
use super::ip::addresses::Addresses;
use super::nic::Nic;

use announce::Announcer;
use neighbors::Neighbors;
use waiting::Waiting;

pub(super) use hop::{Hop, Way};

/// Bytes of an Ethernet header.
pub(super) const HEADER_BYTES: usize = EthernetFrame::<&[u8]>::header_len();

/// The content of a received frame.
#[derive(Debug)]
pub(super) enum Taken<'a> {
    /// An IPv4 packet, and the hardware address of its sender if the medium has hardware addresses.
    Packet(&'a mut [u8], Option<EthernetAddress>),
    /// An ARP request for the hardware address of this machine.
    Question(ArpRepr),
    /// An ARP packet that has been processed and needs no answer.
    Done,
}

/// The link layer of the device: neighbours, packets that wait for the addresses of neighbours, and announcements.
#[derive(Debug)]
pub(super) struct Link {
    medium: Medium,
    mac: EthernetAddress,
    neighbors: Neighbors,
    waiting: Waiting,
    announcer: Announcer,
}

impl Link {
    /// Creates the link layer and allocates the memory for `neighbors` neighbours. `mac` is the hardware address of
    /// this machine.
    pub(super) fn new(medium: Medium, mac: [u8; 6], neighbors: usize, seed: u64) -> Self {
        Self {
            medium,
            mac: EthernetAddress(mac),
            neighbors: Neighbors::with_capacity(neighbors, seed),
            waiting: Waiting::new(),
            announcer: Announcer::new(),
        }
    }

    /// Returns the size of the link header in bytes, which is 0 on a medium without hardware addresses.
    pub(super) fn header_bytes(&self) -> usize {
        if self.medium == Medium::Ethernet { HEADER_BYTES } else { 0 }
    }

    /// Parses a received frame, and handles the ARP packet that it may contain.
    pub(super) fn open<'a>(
        &mut self,
        bytes: &'a mut [u8],
        addresses: &Addresses,
        now: Instant,
    ) -> Result<Taken<'a>, Drop> {
        if self.medium != Medium::Ethernet {
            return Ok(Taken::Packet(bytes, None));
        }
        let frame = EthernetFrame::new_checked(&*bytes).map_err(|_| Drop::Frame)?;
        let (target, source) = (frame.dst_addr(), frame.src_addr());
        if target != self.mac && !target.is_multicast() && !target.is_broadcast() {
            return Err(Drop::Frame);
        }
        if !source.is_unicast() {
            return Err(Drop::Frame);
        }
        match frame.ethertype() {
            EthernetProtocol::Ipv4 => Ok(Taken::Packet(&mut bytes[HEADER_BYTES..], Some(source))),
            EthernetProtocol::Arp => self.hear(frame.payload(), addresses, now),
            // Frames of protocols that this machine does not speak, such as IPv6 and LLDP.
            _ => Err(Drop::Frame),
        }
    }

    /// Handles an ARP packet (RFC 826, RFC 5227). The sender's IPv4 address is recorded with its hardware address,
    /// except for a probe, which has no sender address.
    fn hear(
        &mut self,
        bytes: &[u8],
        own: &Addresses,
        now: Instant,
    ) -> Result<Taken<'static>, Drop> {
        let repr = arp::read(bytes).ok_or(Drop::Arp)?;
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr: mac,
            source_protocol_addr: sender,
            target_protocol_addr: target,
            ..
        } = repr
        else {
            return Err(Drop::Arp);
        };
        let is_for_us = own.is_own(target);
        if !mac.is_unicast() || mac.0 == [0; 6] || mac == self.mac {
            return Err(Drop::Arp);
        }
        if sender != Ipv4Addr::UNSPECIFIED {
            if !own.is_neighbor(sender) {
                return Err(Drop::Arp);
            }
            self.neighbors.learn(sender, mac, is_for_us, now);
        }
        let asks = is_for_us && operation == ArpOperation::Request;
        Ok(if asks { Taken::Question(repr) } else { Taken::Done })
    }

    /// Answers the ARP request `question` for the hardware address of this machine.
    pub(super) fn answer(&self, question: &ArpRepr, slot: impl TxToken) {
        if let Some(answer) = arp::answer(question, self.mac) {
            slot.consume(arp::FRAME_BYTES, |bytes| arp::write(bytes, &answer));
        }
    }

    /// Returns how a broadcast packet is sent on the link.
    pub(super) fn way_to_all(&self) -> Way {
        match self.medium {
            Medium::Ethernet => Way::To(EthernetAddress::BROADCAST),
            _ => Way::Plain,
        }
    }

    /// Returns how a packet to `target` is sent on the link. If the hardware address of the next hop is unknown, an ARP
    /// request becomes due.
    pub(super) fn way(&mut self, target: Ipv4Addr, own: &Addresses, now: Instant) -> Way {
        if self.medium != Medium::Ethernet {
            return Way::Plain;
        }
        let Some(next) = own.next_hop(target) else { return Way::Nowhere };
        match self.neighbors.look_up(next, Some(next) == own.gateway(), now) {
            Ok(Some(mac)) => Way::To(mac),
            Ok(None) => Way::Wait(next),
            Err(neighbors::NeighborsFull) => Way::Nowhere,
        }
    }

    /// Returns how a packet to `target`, the peer of a connection, is sent on the link. The hardware address is cached
    /// in `hop` for a second, so that not every packet needs a lookup in the table of neighbours. `is_alive` tells
    /// whether the peer was heard recently; the address in the table is then confirmed without an ARP request.
    #[inline]
    pub(super) fn way_of(
        &mut self,
        hop: &mut Hop,
        target: Ipv4Addr,
        is_alive: bool,
        own: &Addresses,
        now: Instant,
    ) -> Way {
        if self.medium != Medium::Ethernet {
            return Way::Plain;
        }
        if let Some(mac) = hop.get(self.neighbors.version(), now) {
            return Way::To(mac);
        }
        self.look_up(hop, target, is_alive, own, now)
    }

    #[cold]
    fn look_up(
        &mut self,
        hop: &mut Hop,
        target: Ipv4Addr,
        is_alive: bool,
        own: &Addresses,
        now: Instant,
    ) -> Way {
        let way = self.way(target, own, now);
        if let Way::To(mac) = way
            && let Some(next) = own.next_hop(target)
        {
            if is_alive {
                self.neighbors.confirm(next, now);
            }
            hop.set(mac, self.neighbors.version(), now);
        }
        way
    }

    /// Compares `mac`, the hardware address from which a packet of a connection came, with the address to which its
    /// packets are sent. If they differ, an ARP request becomes due immediately, because the peer may have moved.
    #[inline]
    pub(super) fn meet(
        &mut self,
        hop: &Hop,
        source: Ipv4Addr,
        mac: Option<EthernetAddress>,
        own: &Addresses,
        now: Instant,
    ) {
        if let Some(mac) = mac
            && hop.differs(mac)
        {
            self.doubt(source, mac, own, now);
        }
    }

    #[cold]
    fn doubt(&mut self, source: Ipv4Addr, mac: EthernetAddress, own: &Addresses, now: Instant) {
        if let Some(next) = own.next_hop(source) {
            self.neighbors.doubt(next, mac, now);
        }
    }

    /// Returns a buffer of `bytes` bytes for a packet that must wait until the hardware address of the neighbour `next`
    /// is known. An older waiting packet may be dropped. Returns `None` if the packet is too long.
    pub(super) fn waiting_room(&mut self, next: Ipv4Addr, bytes: usize) -> Option<&mut [u8]> {
        self.waiting.room(next, bytes)
    }

    /// Writes the Ethernet header of an IPv4 packet to `target` into `bytes`.
    pub(super) fn address(&self, bytes: &mut [u8], target: EthernetAddress) {
        let mut frame = EthernetFrame::new_unchecked(bytes);
        frame.set_dst_addr(target);
        frame.set_src_addr(self.mac);
        frame.set_ethertype(EthernetProtocol::Ipv4);
    }

    /// Sends announcements and ARP requests that are due, and waiting packets whose neighbour has answered.
    pub(super) fn poll<N: Nic>(
        &mut self,
        nic: &mut N,
        own: &Addresses,
        drops: &mut Drops,
        now: Instant,
    ) {
        if self.medium != Medium::Ethernet {
            return;
        }
        self.announcer.poll(nic, own.address(), now);
        if let Some(address) = own.address() {
            let (mac, waiting) = (self.mac, &mut self.waiting);
            self.neighbors.poll(now, |due| {
                let neighbors::Due::Ask(next, known) = due else {
                    let neighbors::Due::Lost(next) = due else { return true };
                    if waiting.forget(next) {
                        drops.note(Drop::NoNeighbor);
                    }
                    return true;
                };
                let Some(slot) = nic.transmit() else { return false };
                let question = arp::question(mac, address, next);
                slot.consume(arp::FRAME_BYTES, |bytes| {
                    arp::write_to(bytes, &question, known.unwrap_or(EthernetAddress::BROADCAST));
                });
                true
            });
        }
        self.send_waiting(nic);
    }

    fn send_waiting<N: Nic>(&mut self, nic: &mut N) {
        if !self.neighbors.take_news() {
            return;
        }
        for index in 0..self.waiting.places() {
            let Some((next, packet)) = self.waiting.packet(index) else { continue };
            let Some(mac) = self.neighbors.known(next) else { continue };
            let Some(slot) = nic.transmit() else { return };
            slot.consume(HEADER_BYTES + packet.len(), |bytes| {
                bytes[HEADER_BYTES..].copy_from_slice(packet);
                let mut frame = EthernetFrame::new_unchecked(bytes);
                frame.set_dst_addr(mac);
                frame.set_src_addr(self.mac);
                frame.set_ethertype(EthernetProtocol::Ipv4);
            });
            self.waiting.clear(index);
        }
    }

    /// Removes all neighbours and waiting packets, because the IPv4 address of this machine has changed.
    pub(super) fn forget(&mut self) {
        self.neighbors.clear();
        self.waiting.clear_all();
    }

    /// Returns the time at which [`poll`](Self::poll) must be called next, or `None` if no announcement and no request
    /// is due.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        [self.announcer.wake_at(), self.neighbors.wake_at()].into_iter().flatten().min()
    }
}
