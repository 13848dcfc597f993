//! A cable between two interfaces.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use app::net::Nic;
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::HardwareAddress;

/// Packets that fit into one direction: as small as a device's ring, so that it fills up.
const RING: usize = 64;

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One end of the cable.
#[derive(Debug)]
pub(crate) struct End {
    incoming: Queue,
    outgoing: Queue,
    /// Kicks so far.
    pub(crate) kicks: usize,
    /// The packet that comes next, as it was looked at.
    front: Vec<u8>,
}

/// Both ends.
pub(crate) fn cable() -> (End, End) {
    let (one, other) = (Queue::default(), Queue::default());
    let first = End { incoming: one.clone(), outgoing: other.clone(), kicks: 0, front: Vec::new() };
    (first, End { incoming: other, outgoing: one, kicks: 0, front: Vec::new() })
}

impl End {
    /// Drops everything that is on its way to this end.
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
pub(crate) struct Room(Queue);

impl phy::TxToken for Room {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut packet = vec![0; length];
        let result = write(&mut packet);
        self.0.borrow_mut().push_back(packet);
        result
    }
}

impl Device for End {
    type RxToken<'a> = Packet;
    type TxToken<'a> = Room;

    fn receive(&mut self, now: Instant) -> Option<(Packet, Room)> {
        let room = self.transmit(now)?;
        let packet = self.incoming.borrow_mut().pop_front()?;
        Some((Packet(packet), room))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room> {
        (self.outgoing.borrow().len() < RING).then(|| Room(self.outgoing.clone()))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

impl Nic for End {
    fn mac(&self) -> [u8; 6] {
        [0; 6]
    }

    fn hardware(&self) -> HardwareAddress {
        HardwareAddress::Ip
    }

    fn kick(&mut self) {
        self.kicks += 1;
    }

    fn front(&mut self) -> Option<&[u8]> {
        self.front.clone_from(self.incoming.borrow().front()?);
        Some(&self.front)
    }

    fn pending(&self) -> bool {
        !self.incoming.borrow().is_empty()
    }

    fn is_full(&self) -> bool {
        self.outgoing.borrow().len() >= RING
    }
}
