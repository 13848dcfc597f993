//! Packet buffers: one run of frames, cut into equal parts that the device reads or writes.

#![expect(unsafe_code, reason = "makes slices of memory that it owns")]

use core::ptr::NonNull;
use core::slice;

use virtio_drivers::{BufferDirection, Hal};

use crate::bare::device::virtio::error::NicError;
use crate::bare::device::virtio::hal::DirectHal;

/// Buffers of a ring, and descriptors: what QEMU offers.
pub(crate) const RING: usize = 256;
/// An Ethernet frame of 1514 bytes and the header fit twice over; two buffers share a frame.
pub(crate) const BUFFER_BYTES: usize = 2048;
/// What virtio 1 puts in front of every packet.
pub(crate) const HEADER_BYTES: usize = 12;
/// In its first byte: the packet was never outside the machine, and nobody has added up its bytes.
pub(crate) const NEEDS_CHECKSUM: u8 = 1;
/// In its first byte: the device has found the checksum right.
pub(crate) const DATA_VALID: u8 = 2;
/// The longest Ethernet frame that is sent.
pub(crate) const FRAME_BYTES_MAX: usize = 1514;

const FRAMES: usize = RING * BUFFER_BYTES / 4096;

/// The number of every buffer.
pub(crate) fn indices() -> impl Iterator<Item = u16> {
    (0_u16..).take(RING)
}

/// As many buffers as a ring has descriptors. The memory is the device's for good.
#[derive(Debug)]
pub(crate) struct Packets {
    start: NonNull<u8>,
}

// SAFETY: the run is nobody else's; access goes through `&mut self`.
unsafe impl Send for Packets {}

impl Packets {
    /// Takes the run.
    pub(crate) fn try_new() -> Result<Self, NicError> {
        let (address, start) = DirectHal::dma_alloc(FRAMES, BufferDirection::Both);
        if address == 0 {
            return Err(NicError::NoMemory { frames: FRAMES as u64 });
        }
        Ok(Self { start })
    }

    /// One buffer.
    ///
    /// While the device has it, the contents are the device's: the caller only passes it on to the
    /// ring.
    pub(crate) fn buffer(&mut self, index: u16) -> &mut [u8] {
        let index = usize::from(index);
        assert!(index < RING, "packet buffer {index} of {RING}");
        // SAFETY: the run has RING buffers and the index is below.
        let start = unsafe { self.start.add(index * BUFFER_BYTES) };
        // SAFETY: 1. the bytes lie in the run. 2. It was zeroed, so every byte has a value. 3. It
        // is exclusive: `&mut self`, and the device has a buffer only while its owner leaves it
        // alone.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), BUFFER_BYTES) }
    }
}
