//! Packet buffers: one run of frames, cut into equal parts that the device reads or writes.

#![expect(unsafe_code, reason = "makes slices of memory that it owns")]

use core::ptr::NonNull;
use core::slice;

use virtio_drivers::{BufferDirection, Hal};

use crate::device::virtio::error::NicError;
use crate::device::virtio::hal::DirectHal;

/// Buffers of a ring, and descriptors: what QEMU offers.
pub(crate) const RING: usize = 256;
/// What virtio 1 puts in front of every packet.
pub(crate) const HEADER_BYTES: usize = 12;
/// In its first byte: the packet was never outside the machine, and nobody has added up its bytes.
pub(crate) const NEEDS_CHECKSUM: u8 = 1;
/// In its first byte: the device has found the checksum right.
pub(crate) const DATA_VALID: u8 = 2;
/// In its second byte: the device cuts the packet into segments of TCP over IPv4.
pub(crate) const SEGMENTS_TCP4: u8 = 1;
/// How many buffers there are, at most one for each descriptor, and of how many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferShape {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

impl BufferShape {
    /// An Ethernet frame of 1514 bytes and the header fit; two buffers share a frame.
    pub(crate) const SMALL: Self = Self { count: RING, bytes: 2048 };

    fn frames(self) -> usize {
        (self.count * self.bytes).div_ceil(4096)
    }
}

/// Buffers of one shape. The memory is the device's for good.
#[derive(Debug)]
pub(crate) struct Packets {
    start: NonNull<u8>,
    shape: BufferShape,
}

// SAFETY: the run is nobody else's; access goes through `&mut self`.
unsafe impl Send for Packets {}

impl Packets {
    /// Takes the run.
    pub(crate) fn try_new(shape: BufferShape) -> Result<Self, NicError> {
        let frames = shape.frames();
        let (address, start) = DirectHal::dma_alloc(frames, BufferDirection::Both);
        if address == 0 {
            return Err(NicError::NoMemory { frames: frames as u64 });
        }
        Ok(Self { start, shape })
    }

    /// The number of every buffer.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u16> + use<> {
        (0_u16..).take(self.shape.count)
    }

    /// One buffer.
    ///
    /// While the device has it, the contents are the device's: the caller only passes it on to the
    /// ring.
    pub(crate) fn buffer(&mut self, index: u16) -> &mut [u8] {
        let (index, BufferShape { count, bytes }) = (usize::from(index), self.shape);
        assert!(index < count, "packet buffer {index} of {count}");
        // SAFETY: the run has so many buffers and the index is below.
        let start = unsafe { self.start.add(index * bytes) };
        // SAFETY: 1. the bytes lie in the run. 2. It was zeroed, so every byte has a value. 3. It
        // is exclusive: `&mut self`, and the device has a buffer only while its owner leaves it
        // alone.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), bytes) }
    }
}
