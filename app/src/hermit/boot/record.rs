//! The boot record that Hermit's entry code expects.
//!
//! # Source
//!
//! Crate hermit-entry 0.10, `RawBootInfo`. The fields are private, and the feature `loader` that fills them includes the
//! parsers of a whole loader, so the layout is repeated here.

use core::num::{NonZeroU16, NonZeroU64};

use crate::platform::span::Span;

/// Number of the platform whose devices are described by a device tree.
const PLATFORM_DEVICE_TREE: u32 = 3;

/// The boot record. Its layout is that of `RawBootInfo`.
#[derive(Debug)]
#[repr(C)]
pub(super) struct BootRecord {
    memory_start: u64,
    memory_end: u64,
    serial_port: Option<NonZeroU16>,
    device_tree: Option<NonZeroU64>,
    image_start: u64,
    image_end: u64,
    /// Start, file size, memory size and alignment of the thread-local storage; 0 for none.
    thread_local: [u64; 4],
    platform: u32,
    /// Fields that are used on other platforms.
    unused: [u64; 5],
}

impl BootRecord {
    /// Creates the boot record of an image without thread-local storage. `device_tree` is the address of the device
    /// tree.
    pub(super) fn new(memory: Span, serial_port: u16, device_tree: u64, image: Span) -> Self {
        Self {
            memory_start: memory.start,
            memory_end: memory.end,
            serial_port: NonZeroU16::new(serial_port),
            device_tree: NonZeroU64::new(device_tree),
            image_start: image.start,
            image_end: image.end,
            thread_local: [0; 4],
            platform: PLATFORM_DEVICE_TREE,
            unused: [0; 5],
        }
    }
}
