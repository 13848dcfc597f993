//! The transmit ring. Buffers that the device has sent are reclaimed only when a new packet needs a buffer.

#![expect(unsafe_code, reason = "gives buffers to the device")]

use alloc::boxed::Box;
use core::num::NonZeroU16;
use core::sync::atomic::{Ordering, fence};

use arrayvec::ArrayVec;
use smoltcp::phy::{self, PacketMeta};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;

use crate::device::virtio::doorbell::Doorbell;
use crate::device::virtio::error::NicError;
use crate::device::virtio::hal::DirectHal;
use crate::device::virtio::packets::{
    BufferShape, HEADER_BYTES, NEEDS_CHECKSUM, Packets, RING, SEGMENTS_TCP4,
};
use crate::platform::checksum::{self, Partial};

/// Index of the transmit ring in the device.
pub(crate) const TRANSMIT_RING: u16 = 1;

/// Number and size of buffers if the device segments packets. A buffer has space for a value of 16 KiB with its
/// headers.
const LARGE: BufferShape = BufferShape { count: 128, bytes: 5 * 4096 };

/// Maximum size, in bytes, of an Ethernet frame that the device segments.
pub(crate) const LARGE_FRAME_BYTES_MAX: usize = LARGE.bytes - HEADER_BYTES;

/// The transmit ring with its buffers.
#[derive(Debug)]
pub(crate) struct Transmit {
    /// On the heap, so that moving this structure does not copy 4 KiB.
    queue: Box<VirtQueue<DirectHal, RING>>,
    packets: Packets,
    free: ArrayVec<u16, RING>,
    /// For each descriptor, the index of its buffer and the number of bytes given to the device.
    sent: [(u16, u16); RING],
    doorbell: Doorbell,
    /// Whether packets were added since the last kick.
    is_dirty: bool,
    /// Whether the device completes checksums and segments packets.
    is_large: bool,
}

impl Transmit {
    /// Sets up the ring. All buffers are free, and the device never interrupts for sent packets.
    pub(crate) fn try_new(
        transport: &mut impl Transport,
        is_large: bool,
        doorbell: impl FnOnce() -> Doorbell,
    ) -> Result<Self, NicError> {
        let mut queue = Box::new(VirtQueue::new(transport, TRANSMIT_RING, false, false)?);
        queue.set_dev_notify(false);
        let packets = Packets::try_new(if is_large { LARGE } else { BufferShape::SMALL })?;
        Ok(Self {
            queue,
            free: packets.indices().collect(),
            packets,
            sent: [(0, 0); RING],
            doorbell: doorbell(),
            is_dirty: false,
            is_large,
        })
    }

    /// Reclaims the buffers that the device has sent.
    fn reap(&mut self) {
        while let Some(descriptor) = self.queue.peek_used() {
            let (buffer, bytes) = self.sent[usize::from(descriptor)];
            let memory = &self.packets.buffer(buffer)[..usize::from(bytes)];
            // SAFETY: these are the bytes that `send` added for this descriptor.
            let used = unsafe { self.queue.pop_used(descriptor, &[memory], &mut []) };
            used.expect("the descriptor that was just seen");
            self.free.push(buffer);
        }
    }

    /// Returns the permission to send one packet, or `None` while the device uses all buffers.
    pub(crate) fn take(&mut self) -> Option<Slot<'_>> {
        if self.free.is_empty() {
            self.reap();
        }
        (!self.free.is_empty()).then_some(Slot { ring: self, segment: None })
    }

    /// Returns whether the device uses all buffers, so that no packet can be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.free.is_empty() && !self.queue.can_pop()
    }

    fn send(&mut self, buffer: u16, bytes: u16) {
        let memory = &self.packets.buffer(buffer)[..usize::from(bytes)];
        // SAFETY: the buffer is not accessed until `reap` has reclaimed its descriptor.
        let added = unsafe { self.queue.add(&[memory], &mut []) };
        // There are as many descriptors as buffers.
        let descriptor = added.expect("a descriptor for every buffer");
        self.sent[usize::from(descriptor)] = (buffer, bytes);
        self.is_dirty = true;
    }

    /// Notifies the device of new packets, unless it polls the ring.
    pub(crate) fn kick(&mut self) {
        if !self.is_dirty {
            return;
        }
        self.is_dirty = false;
        // The device must see the new index of the ring before its notification flag is read here. Otherwise the device
        // could stop polling without a notification, and both sides would wait.
        fence(Ordering::SeqCst);
        if self.queue.should_notify() {
            self.doorbell.ring();
        }
    }
}

/// The permission to send one packet.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    ring: &'a mut Transmit,
    /// Bytes of data in each segment, if the device must segment the packet.
    segment: Option<NonZeroU16>,
}

impl phy::TxToken for Slot<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, bytes: usize, write: F) -> R {
        let buffer = self.ring.free.pop().expect("a slot proves that a buffer is free");
        let end = HEADER_BYTES + bytes;
        let sent = u16::try_from(end).expect("a packet fits its buffer");
        let memory = self.ring.packets.buffer(buffer);
        let (header, frame) = memory[..end].split_at_mut(HEADER_BYTES);
        // With a header of zeros, the device sends the packet unchanged.
        header.fill(0);
        let result = write(frame);
        if self.ring.is_large
            && let Some(Partial { start, offset, headers }) = checksum::leave(frame)
        {
            header[0] = NEEDS_CHECKSUM;
            header[6..8].copy_from_slice(&start.to_le_bytes());
            header[8..10].copy_from_slice(&offset.to_le_bytes());
            if let Some(segment) = self.segment {
                header[1] = SEGMENTS_TCP4;
                header[2..4].copy_from_slice(&headers.to_le_bytes());
                header[4..6].copy_from_slice(&segment.get().to_le_bytes());
            }
        }
        self.ring.send(buffer, sent);
        result
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.segment = meta.segmentation_offload_size;
    }
}
