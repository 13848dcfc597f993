//! The receive ring: every buffer is with the device, except the one being read.

#![expect(unsafe_code, reason = "lends buffers to the device")]

use alloc::boxed::Box;
use core::sync::atomic::{Ordering, fence};

use smoltcp::phy;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;

use crate::device::virtio::doorbell::Doorbell;
use crate::device::virtio::error::NicError;
use crate::device::virtio::hal::DirectHal;
use crate::device::virtio::packets::{
    DATA_VALID, HEADER_BYTES, NEEDS_CHECKSUM, Packets, RING, Shape,
};
use crate::platform::checksum;
use crate::platform::merged::Merged;

/// The number of the receive ring.
pub(crate) const RECEIVE_RING: u16 = 0;

/// Damaged packets that are thrown away at one look: a flood of them must not keep the loop from its
/// clients.
const DAMAGED_MAX: usize = 8;

/// The receive ring with its buffers.
#[derive(Debug)]
pub(crate) struct Receive {
    /// On the heap: 4 KiB that would else be copied from stack frame to stack frame.
    queue: Box<VirtQueue<DirectHal, RING>>,
    packets: Packets,
    /// Which buffer each descriptor holds.
    buffers: [u16; RING],
    doorbell: Doorbell,
    /// Buffers went back since the last kick.
    is_dirty: bool,
    /// Packets were handed out since the last kick.
    is_busy: bool,
    /// The device interrupts with the next packet.
    is_armed: bool,
    /// Where packets that lie in several buffers are put together, if there may be some. Then nobody
    /// behind this looks at checksums.
    merged: Option<Merged>,
}

impl Receive {
    /// Sets the ring up, empty.
    pub(crate) fn try_new(
        transport: &mut impl Transport,
        is_large: bool,
        doorbell: impl FnOnce() -> Doorbell,
    ) -> Result<Self, NicError> {
        let queue = VirtQueue::new(transport, RECEIVE_RING, false, false)?;
        Ok(Self {
            queue: Box::new(queue),
            packets: Packets::try_new(Shape::SMALL)?,
            buffers: [0; RING],
            doorbell: doorbell(),
            is_dirty: false,
            is_busy: false,
            is_armed: true,
            merged: is_large.then(Merged::default),
        })
    }

    /// Gives all buffers to the device, which must be live.
    pub(crate) fn fill(&mut self) {
        for index in self.packets.indices() {
            self.put(index);
        }
    }

    fn put(&mut self, buffer: u16) {
        // SAFETY: the buffer is not touched again until the device has used its descriptor.
        let added = unsafe { self.queue.add(&[], &mut [self.packets.buffer(buffer)]) };
        // There are as many descriptors as buffers.
        let descriptor = added.expect("a descriptor for every buffer");
        self.buffers[usize::from(descriptor)] = buffer;
        self.is_dirty = true;
    }

    /// Whether a packet waits.
    pub(crate) fn pending(&self) -> bool {
        self.queue.can_pop() || self.is_merged()
    }

    /// The bytes of the next packet, or its buffer behind the header. Packets before it whose checksums
    /// are wrong are thrown away.
    pub(crate) fn front(&mut self) -> Option<&[u8]> {
        if self.merged.is_some() {
            let mut thrown_away = 0;
            while !self.merge()? {
                self.throw_away()?;
                thrown_away += 1;
                if thrown_away == DAMAGED_MAX {
                    return None;
                }
            }
        }
        if self.is_merged() {
            return self.merged.as_ref()?.whole();
        }
        let descriptor = self.queue.peek_used()?;
        let buffer = self.buffers[usize::from(descriptor)];
        // The device has let go of it, and it is not given back before it was taken.
        Some(&self.packets.buffer(buffer)[HEADER_BYTES..])
    }

    fn is_merged(&self) -> bool {
        self.merged.as_ref().is_some_and(|merged| merged.whole().is_some())
    }

    /// Puts the next packet together if it lies in several buffers, and says whether its checksum is
    /// right. `None` where not all of it is there.
    fn merge(&mut self) -> Option<bool> {
        if self.is_merged() {
            return Some(true);
        }
        let is_new = !self.merged.as_ref()?.is_partial();
        let descriptor = self.queue.peek_used()?;
        let memory = self.packets.buffer(self.buffers[usize::from(descriptor)]);
        let (header, frame) = memory.split_at(HEADER_BYTES);
        let is_vouched_for = header[0] & (NEEDS_CHECKSUM | DATA_VALID) != 0;
        let buffers = u16::from_le_bytes([header[10], header[11]]);
        if is_new && buffers <= 1 {
            return Some(is_vouched_for || checksum::is_right(frame));
        }
        if is_new {
            self.merged.as_mut()?.begin(buffers, is_vouched_for);
        }
        // Only the first buffer of a packet has a header.
        let mut start = if is_new { HEADER_BYTES } else { 0 };
        while self.merged.as_ref()?.is_partial() {
            let (buffer, end) = self.pop()?;
            let bytes = &self.packets.buffer(buffer)[start..end.max(start)];
            self.merged.as_mut()?.add(bytes);
            self.put(buffer);
            start = 0;
        }
        Some(self.merged.as_ref()?.is_sound())
    }

    /// Takes the next buffer back from the device; where its last byte is.
    fn pop(&mut self) -> Option<(u16, usize)> {
        let descriptor = self.queue.peek_used()?;
        // A device that names a descriptor it does not have would be broken beyond repair.
        let buffer = self.buffers[usize::from(descriptor)];
        let memory = self.packets.buffer(buffer);
        let room = memory.len();
        // SAFETY: the same buffer that `put` gave for this descriptor.
        let used = unsafe { self.queue.pop_used(descriptor, &[], &mut [memory]) };
        let bytes = used.expect("the descriptor that was just seen") as usize;
        Some((buffer, bytes.min(room)))
    }

    /// Gives the next packet back to the device, unread: for who waits for packets none has come.
    fn throw_away(&mut self) -> Option<()> {
        if self.is_merged() {
            self.merged.as_mut()?.clear();
        } else {
            let (buffer, _) = self.pop()?;
            self.put(buffer);
        }
        Some(())
    }

    /// Takes the next packet, after [`front`](Self::front) has shown it.
    pub(crate) fn take(&mut self) -> Option<Received<'_>> {
        let place = if self.is_merged() {
            Place::Merged
        } else {
            let (buffer, end) = self.pop()?;
            Place::Buffer(buffer, end.max(HEADER_BYTES))
        };
        self.is_busy = true;
        Some(Received { ring: self, place })
    }

    /// Ends a turn: tells the device of returned buffers if it waits for some, and asks for an
    /// interrupt only if the turn took no packet. A CPU that finds packets looks again by itself;
    /// one that finds none may go to sleep.
    pub(crate) fn kick(&mut self) {
        let wants_interrupt = !self.is_busy;
        self.is_busy = false;
        if wants_interrupt != self.is_armed {
            self.is_armed = wants_interrupt;
            self.queue.set_dev_notify(wants_interrupt);
        }
        // What was written must be out before the device's side is read, or both wait: the ring's
        // index before its wish for doorbells, the wish for an interrupt before the last look for
        // packets.
        fence(Ordering::SeqCst);
        if self.is_dirty && self.queue.should_notify() {
            self.doorbell.ring();
        }
        self.is_dirty = false;
    }
}

/// A received packet; its buffer goes back to the device when it is dropped.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    ring: &'a mut Receive,
    place: Place,
}

/// Where a packet lies.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In a buffer, up to its last byte.
    Buffer(u16, usize),
    /// Put together from several.
    Merged,
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        let ring = &mut *self.ring;
        read(match self.place {
            Place::Buffer(buffer, end) => &ring.packets.buffer(buffer)[HEADER_BYTES..end],
            Place::Merged => ring.merged.as_ref().and_then(Merged::whole).unwrap_or_default(),
        })
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        match self.place {
            Place::Buffer(buffer, _) => self.ring.put(buffer),
            Place::Merged => self.ring.merged.iter_mut().for_each(Merged::clear),
        }
    }
}
