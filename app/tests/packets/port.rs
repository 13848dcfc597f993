//! A simulated Ethernet device that connects the image to the test.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::num::{NonZeroU16, NonZeroUsize};
use std::rc::Rc;

use app::net::{Abilities, Arrival, Nic};
use smoltcp::phy::{Medium, PacketMeta, TxToken};

/// The image's hardware address.
pub(crate) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// Maximum bytes of a packet that is not segmented.
pub(crate) const MTU: usize = 1500;

/// Maximum number of frames from the image that the device stores until the test takes them.
const RING: usize = 64;

/// Maximum bytes of a frame that the device segments.
const CUTS: Option<NonZeroUsize> = NonZeroUsize::new(17 << 10);

/// A frame that the image has sent, and the segment size if the device must segment the frame.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    pub(crate) each: Option<NonZeroU16>,
}

/// The frames in flight in both directions.
#[derive(Debug, Default)]
pub(crate) struct Cable {
    pub(crate) incoming: VecDeque<Vec<u8>>,
    pub(crate) outgoing: Vec<Sent>,
    /// Whether the device accepts no frames at present.
    pub(crate) is_stopped: bool,
}

/// The simulated device.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) cable: Rc<RefCell<Cable>>,
    /// Whether the device segments packets and completes checksums.
    pub(crate) cuts: bool,
    /// Whether the device reports every checksum as verified.
    pub(crate) vouches: bool,
    taken: Vec<u8>,
}

impl Port {
    pub(crate) fn new(cuts: bool, vouches: bool) -> Self {
        Self { cable: Rc::default(), cuts, vouches, taken: Vec::new() }
    }
}

/// The permission to send one frame.
#[derive(Debug)]
pub(crate) struct Slot(Rc<RefCell<Cable>>, Option<NonZeroU16>);

impl TxToken for Slot {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        // The buffer is filled with other bytes, as a buffer of a real device contains those of an earlier frame.
        let mut bytes = vec![0xa5; length];
        let result = write(&mut bytes);
        self.0.borrow_mut().outgoing.push(Sent { bytes, each: self.1 });
        result
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.1 = meta.segmentation_offload_size;
    }
}

impl Nic for Port {
    type Slot<'a> = Slot;

    fn mac(&self) -> [u8; 6] {
        MAC
    }

    fn abilities(&self) -> Abilities {
        let cuts = CUTS.filter(|_| self.cuts);
        Abilities { medium: Medium::Ethernet, mtu: MTU, cuts }
    }

    fn receive(&mut self) -> Option<Arrival<'_, Slot>> {
        let slot = self.transmit()?;
        self.taken = self.cable.borrow_mut().incoming.pop_front()?;
        Some(Arrival { bytes: &mut self.taken, is_sound: self.vouches, slot })
    }

    fn transmit(&mut self) -> Option<Slot> {
        (!self.is_full()).then(|| Slot(Rc::clone(&self.cable), None))
    }

    fn kick(&mut self) {}

    fn pending(&self) -> bool {
        !self.cable.borrow().incoming.is_empty()
    }

    fn is_full(&self) -> bool {
        let cable = self.cable.borrow();
        cable.is_stopped || cable.outgoing.len() >= RING
    }
}
