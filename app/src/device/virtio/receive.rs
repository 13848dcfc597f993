//! The receive ring: every buffer is with the device, except the one being read.

#![expect(unsafe_code, reason = "lends buffers to the device")]

use alloc::boxed::Box;
use core::sync::atomic::{Ordering, fence};

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;

use crate::device::virtio::doorbell::Doorbell;
use crate::device::virtio::error::NicError;
use crate::device::virtio::hal::DirectHal;
use crate::device::virtio::packets::{
    BufferShape, DATA_VALID, HEADER_BYTES, NEEDS_CHECKSUM, Packets, RING,
};
use crate::platform::merged::Merged;

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
    /// Packets were handed out since the last kick.
    is_busy: bool,
    /// The device interrupts with the next packet.
    is_armed: bool,
    /// The buffer of the packet that was handed out last.
    lent: Option<u16>,
    /// Where packets that lie in several buffers are put together, if there may be some.
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
            packets: Packets::try_new(BufferShape::SMALL)?,
            buffers: [0; RING],
            doorbell: doorbell(),
            is_dirty: false,
            is_busy: false,
            is_armed: true,
            lent: None,
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
        self.queue.can_pop()
    }

    /// The next packet, and whether the device vouches for the checksum of its TCP segment. Its
    /// buffer goes back to the device at the next call, or with the kick.
    pub(crate) fn take(&mut self) -> Option<(&mut [u8], bool)> {
        self.give_back();
        if self.merged.as_ref().is_some_and(Merged::is_partial) {
            return self.merge(0);
        }
        let descriptor = self.queue.peek_used()?;
        self.is_busy = true;
        // The device has let go of it.
        let memory = self.packets.buffer(self.buffers[usize::from(descriptor)]);
        let is_sound = memory[0] & (NEEDS_CHECKSUM | DATA_VALID) != 0;
        let buffers = u16::from_le_bytes([memory[10], memory[11]]);
        if let Some(merged) = self.merged.as_mut().filter(|_| buffers > 1) {
            merged.begin(buffers, is_sound);
            return self.merge(HEADER_BYTES);
        }
        let (buffer, end) = self.pop()?;
        self.lent = Some(buffer);
        let bytes = &mut self.packets.buffer(buffer)[HEADER_BYTES..end.max(HEADER_BYTES)];
        // Without large packets the device says nothing of checksums.
        Some((bytes, is_sound && self.merged.is_some()))
    }

    /// Puts a packet together that lies in several buffers. `None` where not all of it is there. Only the
    /// first buffer has a header, of so many bytes.
    fn merge(&mut self, mut start: usize) -> Option<(&mut [u8], bool)> {
        while self.merged.as_ref()?.is_partial() {
            let (buffer, end) = self.pop()?;
            self.is_busy = true;
            let bytes = &self.packets.buffer(buffer)[start..end.max(start)];
            self.merged.as_mut()?.add(bytes);
            self.put(buffer);
            start = 0;
        }
        self.merged.as_mut()?.whole()
    }

    /// Gives the buffer back whose packet was handed out last.
    fn give_back(&mut self) {
        if let Some(buffer) = self.lent.take() {
            self.put(buffer);
        }
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

    /// Ends a turn: tells the device of returned buffers if it waits for some, and asks for an
    /// interrupt only if the turn took no packet. A CPU that finds packets looks again by itself;
    /// one that finds none may go to sleep.
    pub(crate) fn kick(&mut self) {
        self.give_back();
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
