//! The receive ring. The device owns all buffers except the one that is being read.

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

/// Index of the receive ring in the device.
pub(crate) const RECEIVE_RING: u16 = 0;

/// The receive ring with its buffers.
#[derive(Debug)]
pub(crate) struct Receive {
    /// On the heap, so that moving this structure does not copy 4 KiB.
    queue: Box<VirtQueue<DirectHal, RING>>,
    packets: Packets,
    /// For each descriptor, the index of its buffer.
    buffers: [u16; RING],
    doorbell: Doorbell,
    /// Whether buffers were returned to the device since the last kick.
    is_dirty: bool,
    /// Whether packets were taken since the last kick.
    is_busy: bool,
    /// Whether the device is allowed to interrupt for the next packet.
    is_armed: bool,
    /// Index of the buffer that contains the packet returned by the last call of [`take`](Self::take).
    taken: Option<u16>,
    /// Reassembles packets that lie in several buffers. `None` if the device does not use several buffers for a packet.
    merged: Option<Merged>,
}

impl Receive {
    /// Sets up the ring without buffers. [`fill`](Self::fill) adds them.
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

    /// Gives all buffers to the device. The device must have been initialized completely.
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

    /// Returns the next packet, and whether the device has verified the checksum of its TCP segment. The next call of
    /// this function or of [`kick`](Self::kick) returns the buffer of the packet to the device.
    pub(crate) fn take(&mut self) -> Option<(&mut [u8], bool)> {
        self.give_back();
        if self.merged.as_ref().is_some_and(Merged::is_partial) {
            return self.merge(0);
        }
        let descriptor = self.queue.peek_used()?;
        self.is_busy = true;
        // The device no longer uses this buffer, so its bytes may be read.
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
        // The flags are valid only if the checksum features were negotiated, which is the case if `merged` exists.
        Some((bytes, is_sound && self.merged.is_some()))
    }

    /// Copies the buffers of a packet together. Returns `None` if some of the buffers have not arrived yet; a later
    /// call then continues. The first `start` bytes of the next buffer are skipped, because the first buffer begins
    /// with the virtio header.
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

    /// Takes the next buffer from the ring. Returns its index and the number of bytes that the device has written to
    /// it.
    fn pop(&mut self) -> Option<(u16, usize)> {
        let descriptor = self.queue.peek_used()?;
        // If a broken device returns an invalid descriptor, the index operation panics.
        let buffer = self.buffers[usize::from(descriptor)];
        let memory = self.packets.buffer(buffer);
        let room = memory.len();
        // SAFETY: the buffer that `put` added for this descriptor.
        let used = unsafe { self.queue.pop_used(descriptor, &[], &mut [memory]) };
        let bytes = used.expect("the descriptor that was just seen") as usize;
        Some((buffer, bytes.min(room)))
    }

    /// Must be called once in each turn of the server loop. Notifies the device of returned buffers if the device needs
    /// that. Enables the interrupt for received packets only if no packet was received since the last call, because the
    /// CPU then may sleep; otherwise the CPU polls again.
    pub(crate) fn kick(&mut self) {
        self.give_back();
        let wants_interrupt = !self.is_busy;
        self.is_busy = false;
        if wants_interrupt != self.is_armed {
            self.is_armed = wants_interrupt;
            self.queue.set_dev_notify(wants_interrupt);
        }
        // Two stores must be visible to the device before the loads that follow; otherwise both sides could wait for
        // each other. The index of the ring must be stored before the device's notification flag is read, and the
        // interrupt flag before the ring is polled for the last time before a sleep.
        fence(Ordering::SeqCst);
        if self.is_dirty && self.queue.should_notify() {
            self.doorbell.ring();
        }
        self.is_dirty = false;
    }
}
