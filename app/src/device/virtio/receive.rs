//! The receive ring. The device has every buffer except the one being read.

#![expect(unsafe_code, reason = "gives buffers to the device")]

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
    /// On the heap, because 4 KiB would be copied between stack frames otherwise.
    queue: Box<VirtQueue<DirectHal, RING>>,
    packets: Packets,
    /// The buffer of each descriptor.
    buffers: [u16; RING],
    doorbell: Doorbell,
    /// Whether buffers were returned since the last kick.
    is_dirty: bool,
    /// Whether packets were taken since the last kick.
    is_busy: bool,
    /// Whether the device interrupts for the next packet.
    is_armed: bool,
    /// The buffer of the packet that was taken last.
    taken: Option<u16>,
    /// Reassembles packets that lie in several buffers, if the device may send them.
    merged: Option<Merged>,
}

impl Receive {
    /// Sets up an empty ring.
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
            taken: None,
            merged: is_large.then(Merged::default),
        })
    }

    /// Gives all buffers to the device, which must be set up.
    pub(crate) fn fill(&mut self) {
        for index in self.packets.indices() {
            self.put(index);
        }
    }

    fn put(&mut self, buffer: u16) {
        // SAFETY: the buffer is not accessed until the device has used its descriptor.
        let added = unsafe { self.queue.add(&[], &mut [self.packets.buffer(buffer)]) };
        // There are as many descriptors as buffers.
        let descriptor = added.expect("a descriptor for every buffer");
        self.buffers[usize::from(descriptor)] = buffer;
        self.is_dirty = true;
    }

    /// Returns whether a packet has been received.
    pub(crate) fn pending(&self) -> bool {
        self.queue.can_pop()
    }

    /// Returns the next packet, and whether the device has verified the checksum of its TCP segment. The buffer is
    /// returned to the device by the next call or by the kick.
    pub(crate) fn take(&mut self) -> Option<(&mut [u8], bool)> {
        self.give_back();
        if self.merged.as_ref().is_some_and(Merged::is_partial) {
            return self.merge(0);
        }
        let descriptor = self.queue.peek_used()?;
        self.is_busy = true;
        // The device no longer uses this buffer.
        let memory = self.packets.buffer(self.buffers[usize::from(descriptor)]);
        let is_sound = memory[0] & (NEEDS_CHECKSUM | DATA_VALID) != 0;
        let buffers = u16::from_le_bytes([memory[10], memory[11]]);
        if let Some(merged) = self.merged.as_mut().filter(|_| buffers > 1) {
            merged.begin(buffers, is_sound);
            return self.merge(HEADER_BYTES);
        }
        let (buffer, end) = self.pop()?;
        self.taken = Some(buffer);
        let bytes = &mut self.packets.buffer(buffer)[HEADER_BYTES..end.max(HEADER_BYTES)];
        // Without large packets the device does not report checksums.
        Some((bytes, is_sound && self.merged.is_some()))
    }

    /// Reassembles a packet from several buffers. Returns `None` if some of them have not arrived. The first buffer
    /// has a header of `start` bytes.
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

    /// Returns the buffer of the last packet to the device.
    fn give_back(&mut self) {
        if let Some(buffer) = self.taken.take() {
            self.put(buffer);
        }
    }

    /// Takes the next buffer from the device. Returns its number and the end of its bytes.
    fn pop(&mut self) -> Option<(u16, usize)> {
        let descriptor = self.queue.peek_used()?;
        // A device that names an invalid descriptor is broken; the index panics.
        let buffer = self.buffers[usize::from(descriptor)];
        let memory = self.packets.buffer(buffer);
        let room = memory.len();
        // SAFETY: the buffer that `put` added for this descriptor.
        let used = unsafe { self.queue.pop_used(descriptor, &[], &mut [memory]) };
        let bytes = used.expect("the descriptor that was just seen") as usize;
        Some((buffer, bytes.min(room)))
    }

    /// Ends a turn: notifies the device of returned buffers if it waits for some, and requests an interrupt only if
    /// the turn took no packet. A CPU that found packets polls again; one that found none may sleep.
    pub(crate) fn kick(&mut self) {
        self.give_back();
        let wants_interrupt = !self.is_busy;
        self.is_busy = false;
        if wants_interrupt != self.is_armed {
            self.is_armed = wants_interrupt;
            self.queue.set_dev_notify(wants_interrupt);
        }
        // Earlier stores must be visible before the device's flags are read, or both sides wait: the index of the ring
        // before the device's doorbell flag, and the interrupt flag before the last poll.
        fence(Ordering::SeqCst);
        if self.is_dirty && self.queue.should_notify() {
            self.doorbell.ring();
        }
        self.is_dirty = false;
    }
}
