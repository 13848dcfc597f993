//! What `virtio-drivers` asks of the image: memory for rings, and where registers are mapped.

#![expect(unsafe_code, reason = "implements the trait that hands memory to a device")]

use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::device::dma;
use crate::hardware::memory::{direct, tables};
use crate::platform::span::Span;

/// RAM and registers are mapped at offset 0, so an address means the same to CPU and device.
#[derive(Debug)]
pub(crate) struct DirectHal;

// SAFETY: 1. `dma` hands out zeroed frames that are nobody else's, mapped at offset 0, for good. 2. Registers are mapped at offset 0 or the call panics. 3. Buffers are parts of
// such frames, so their address is what the device sees.
unsafe impl Hal for DirectHal {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let Some(run) = dma::take(pages as u64) else {
            // The crate takes 0 for "no memory".
            return (0, NonNull::dangling());
        };
        let address = run.start.start_address().as_u64();
        (address, pointer(address))
    }

    unsafe fn dma_dealloc(_address: PhysAddr, _pointer: NonNull<u8>, _pages: usize) -> i32 {
        // A ring is dropped only when set-up fails; what the device may still know stays its own.
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, size: usize) -> NonNull<u8> {
        if let Err(error) = tables::map_device(Span::from_bytes(address, size as u64)) {
            panic!("virtio registers: {error}");
        }
        pointer(address)
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.as_ptr().addr() as u64
    }

    unsafe fn unshare(_address: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}

fn pointer(address: PhysAddr) -> NonNull<u8> {
    NonNull::new(direct::pointer(address)).expect("address 0 is no memory")
}
