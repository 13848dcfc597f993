//! Implements the hardware abstraction layer that `virtio-drivers` requires: allocates memory for rings, and maps
//! registers.

#![expect(unsafe_code, reason = "implements the trait that hands memory to a device")]

use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::device::dma;
use crate::hardware::memory::{direct, tables};
use crate::platform::span::Span;

/// The hardware abstraction layer on a machine where RAM and registers are mapped at their physical addresses.
#[derive(Debug)]
pub(crate) struct DirectHal;

// SAFETY: 1. `dma` returns zeroed frames that have no other owner, are mapped at their physical addresses, and are
// never freed. 2. Registers are mapped at their physical addresses, or the call panics. 3. Buffers are parts of such
// frames, so the device uses the same addresses.
unsafe impl Hal for DirectHal {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let Some(run) = dma::take(pages as u64) else {
            // Address 0 means "no memory".
            return (0, NonNull::dangling());
        };
        let address = run.start.start_address().as_u64();
        (address, pointer(address))
    }

    unsafe fn dma_dealloc(_address: PhysAddr, _pointer: NonNull<u8>, _pages: usize) -> i32 {
        // A ring is dropped only if the initialization fails. Its memory is not freed, because the device may still
        // access the memory.
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
