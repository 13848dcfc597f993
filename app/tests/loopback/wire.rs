//! A simulated cable between the network interfaces of the server and of the clients.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use app::net::{Abilities, Arrival, Nic};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium, TxToken};
use smoltcp::time::Instant;

/// Maximum number of packets in flight in one direction. It is as small as the ring of a real device, so that tests can
/// fill the cable.
const RING: usize = 64;

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One end of the cable.
#[derive(Debug)]
pub(crate) struct End {
    incoming: Queue,
    outgoing: Queue,
    /// Number of times that the device at this end was notified.
    pub(crate) kicks: usize,
    /// The packet that was taken last.
    taken: Vec<u8>,
    /// Whether probes to this end are lost, like those to a relay that does not answer them.
    pub(crate) loses_probes: bool,
    /// Ports of this end whose packets are lost in both directions.
    pub(crate) dead_ports: Vec<u16>,
}

/// The two ends of the cable.
pub(crate) fn cable() -> (End, End) {
    let (one, other) = (Queue::default(), Queue::default());
    let end = |incoming, outgoing| End {
        incoming,
        outgoing,
        kicks: 0,
        taken: Vec::new(),
        loses_probes: false,
        dead_ports: Vec::new(),
    };
    (end(one.clone(), other.clone()), end(other, one))
}

/// Returns the source port of a packet.
fn source(packet: &[u8]) -> u16 {
    let tcp = &packet[usize::from(packet[0] & 0xf) * 4..];
    u16::from_be_bytes([tcp[0], tcp[1]])
}

/// Returns the target port of a packet and its TCP payload.
fn destination(packet: &[u8]) -> (u16, &[u8]) {
    let tcp = &packet[usize::from(packet[0] & 0xf) * 4..];
    (u16::from_be_bytes([tcp[2], tcp[3]]), &tcp[usize::from(tcp[12] >> 4) * 4..])
}

impl End {
    /// Drops the packets that are configured to be lost.
    fn lose(&mut self) {
        let (loses_probes, dead) = (self.loses_probes, &self.dead_ports);
        if loses_probes || !dead.is_empty() {
            self.incoming.borrow_mut().retain(|packet| {
                let (port, payload) = destination(packet);
                !(dead.contains(&port) || loses_probes && payload == [0])
            });
        }
    }

    /// Returns the packets in flight to this end.
    pub(crate) fn incoming(&self) -> std::cell::RefMut<'_, VecDeque<Vec<u8>>> {
        self.incoming.borrow_mut()
    }

    /// Returns the packets in flight to the other end, for reordering.
    pub(crate) fn outgoing(&self) -> std::cell::RefMut<'_, VecDeque<Vec<u8>>> {
        self.outgoing.borrow_mut()
    }

    /// Drops all packets in flight to this end.
    pub(crate) fn drop_incoming(&mut self) {
        self.incoming.borrow_mut().clear();
    }
}

#[derive(Debug)]
pub(crate) struct Packet(Vec<u8>);

impl phy::RxToken for Packet {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

#[derive(Debug)]
pub(crate) struct Room(Queue, Vec<u16>);

impl TxToken for Room {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut packet = vec![0; length];
        let result = write(&mut packet);
        if !self.1.contains(&source(&packet)) {
            self.0.borrow_mut().push_back(packet);
        }
        result
    }
}

impl Device for End {
    type RxToken<'a> = Packet;
    type TxToken<'a> = Room;

    fn receive(&mut self, now: Instant) -> Option<(Packet, Room)> {
        self.lose();
        let room = Device::transmit(self, now)?;
        let packet = self.incoming.borrow_mut().pop_front()?;
        Some((Packet(packet), room))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room> {
        (self.outgoing.borrow().len() < RING)
            .then(|| Room(self.outgoing.clone(), self.dead_ports.clone()))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

impl Nic for End {
    type Slot<'a> = Room;

    fn mac(&self) -> [u8; 6] {
        [0; 6]
    }

    fn abilities(&self) -> Abilities {
        Abilities { medium: Medium::Ip, mtu: 1500, cuts: None }
    }

    fn receive(&mut self) -> Option<Arrival<'_, Room>> {
        let (Packet(packet), slot) = Device::receive(self, Instant::ZERO)?;
        self.taken = packet;
        Some(Arrival { bytes: &mut self.taken, is_sound: false, slot })
    }

    fn transmit(&mut self) -> Option<Room> {
        Device::transmit(self, Instant::ZERO)
    }

    fn kick(&mut self) {
        self.kicks += 1;
    }

    fn pending(&self) -> bool {
        !self.incoming.borrow().is_empty()
    }

    fn is_full(&self) -> bool {
        self.outgoing.borrow().len() >= RING
    }
}
