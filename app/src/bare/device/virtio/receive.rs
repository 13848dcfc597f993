//! The receive ring: every buffer is with the device, except the one being read.

#![expect(unsafe_code, reason = "lends buffers to the device")]

use alloc::boxed::Box;
use core::sync::atomic::{Ordering, fence};

use smoltcp::phy;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;

use crate::bare::device::virtio::doorbell::Doorbell;
use crate::bare::device::virtio::error::NicError;
use crate::bare::device::virtio::hal::DirectHal;
use crate::bare::device::virtio::packets::{HEADER_BYTES, Packets, RING, indices};

/// The number of the receive ring.
pub(crate) const RECEIVE_RING: u16 = 0;

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
    /// Packets were taken since the last kick.
    is_busy: bool,
    /// The device interrupts with the next packet.
    is_armed: bool,
}

impl Receive {
    /// Sets the ring up, empty.
    pub(crate) fn try_new(
        transport: &mut impl Transport,
        doorbell: impl FnOnce() -> Doorbell,
    ) -> Result<Self, NicError> {
        let queue = VirtQueue::new(transport, RECEIVE_RING, false, false)?;
        Ok(Self {
            queue: Box::new(queue),
            packets: Packets::try_new()?,
            buffers: [0; RING],
            doorbell: doorbell(),
            is_dirty: false,
            is_busy: false,
            is_armed: true,
        })
    }

    /// Gives all buffers to the device, which must be live.
    pub(crate) fn fill(&mut self) {
        for index in indices() {
            self.put(index);
        }
    }

    fn put(&mut self, buffer: u16) {
        // SAFETY: the buffer is not touched again until `take` has got its descriptor back.
        let added = unsafe { self.queue.add(&[], &mut [self.packets.buffer(buffer)]) };
        // There are as many descriptors as buffers.
        let descriptor = added.expect("a descriptor for every buffer");
        self.buffers[usize::from(descriptor)] = buffer;
        self.is_dirty = true;
    }

    /// Whether a packet waits.
    pub(crate) fn pending(&self) -> bool {
        self.queue.can_pop()
    }

    /// The buffer of the next packet, behind its header.
    pub(crate) fn front(&mut self) -> Option<&[u8]> {
        let descriptor = self.queue.peek_used()?;
        let buffer = self.buffers[usize::from(descriptor)];
        // The device has let go of it, and it is not given back before it was taken.
        Some(&self.packets.buffer(buffer)[HEADER_BYTES..])
    }

    /// Takes the next packet.
    pub(crate) fn take(&mut self) -> Option<Received<'_>> {
        let descriptor = self.queue.peek_used()?;
        // A device that names a descriptor it does not have would be broken beyond repair.
        let buffer = self.buffers[usize::from(descriptor)];
        let memory = self.packets.buffer(buffer);
        let room = memory.len();
        // SAFETY: the same buffer that `put` gave for this descriptor.
        let used = unsafe { self.queue.pop_used(descriptor, &[], &mut [memory]) };
        let bytes = used.expect("the descriptor that was just seen") as usize;
        self.is_busy = true;
        Some(Received { ring: self, buffer, end: bytes.clamp(HEADER_BYTES, room) })
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
    buffer: u16,
    end: usize,
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.ring.packets.buffer(self.buffer)[HEADER_BYTES..self.end])
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        self.ring.put(self.buffer);
    }
}
