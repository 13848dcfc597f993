//! The packet buffers of a ring: physically contiguous frames that are divided into buffers of equal size.

#![expect(unsafe_code, reason = "makes slices of memory that it owns")]

use core::ptr::NonNull;
use core::slice;

use virtio_drivers::{BufferDirection, Hal};

use crate::device::virtio::error::NicError;
use crate::device::virtio::hal::DirectHal;

/// Number of descriptors of a ring, and maximum number of its buffers. QEMU's rings have this size.
pub(crate) const RING: usize = 256;
/// Bytes of the virtio 1 header in front of every packet.
pub(crate) const HEADER_BYTES: usize = 12;
/// Flag in the first byte of the header that is set if the TCP checksum is not complete. For a transmitted packet, the
/// device completes the checksum. A received packet has this flag if it comes from the same host.
pub(crate) const NEEDS_CHECKSUM: u8 = 1;
/// Flag in the first byte of the header that is set if the device has verified the checksum of a received packet.
pub(crate) const DATA_VALID: u8 = 2;
/// Value of the second byte of the header that makes the device segment the packet as TCP over IPv4.
pub(crate) const SEGMENTS_TCP4: u8 = 1;

/// The number of buffers, at most one for each descriptor, and the bytes of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferShape {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

impl BufferShape {
    /// Buffers for an Ethernet frame of 1514 bytes with its virtio header. Two buffers lie in one physical frame of 4
    /// KiB.
    pub(crate) const SMALL: Self = Self { count: RING, bytes: 2048 };

    fn frames(self) -> usize {
        (self.count * self.bytes).div_ceil(4096)
    }
}

/// Buffers of equal size. Their memory is never freed.
#[derive(Debug)]
pub(crate) struct Packets {
    start: NonNull<u8>,
    shape: BufferShape,
}

// SAFETY: the memory has no other owner, and access needs `&mut self`.
unsafe impl Send for Packets {}

impl Packets {
    /// Allocates the memory of all buffers.
    pub(crate) fn try_new(shape: BufferShape) -> Result<Self, NicError> {
        let frames = shape.frames();
        let (address, start) = DirectHal::dma_alloc(frames, BufferDirection::Both);
        if address == 0 {
            return Err(NicError::NoMemory { frames: frames as u64 });
        }
        Ok(Self { start, shape })
    }

    /// Iterates over the indices of the buffers.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u16> + use<> {
        (0_u16..).take(self.shape.count)
    }

    /// Returns the buffer with this `index`.
    ///
    /// While the device uses the buffer, the caller must pass the result only to the ring and must not access its
    /// bytes.
    pub(crate) fn buffer(&mut self, index: u16) -> &mut [u8] {
        let (index, BufferShape { count, bytes }) = (usize::from(index), self.shape);
        assert!(index < count, "packet buffer {index} of {count}");
        // SAFETY: the index is below the number of buffers.
        let start = unsafe { self.start.add(index * bytes) };
        // SAFETY: 1. the bytes lie in the allocated memory. 2. The memory was zeroed, so every byte is initialized. 3.
        // Access is exclusive: `&mut self`, and the caller does not access a buffer while the device uses it.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), bytes) }
    }
}
