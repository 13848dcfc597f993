//! Manages memory outside the window: the page tables of the low half of the address space, the sections of the image,
//! and the stacks.
//!
//! All RAM is mapped in the low half at its physical addresses, with pages of 2 MiB. Pages of 4 KiB are used for the
//! sections of the image, which have different rights, and at the ends of a range of RAM that is not a multiple of 2
//! MiB. The window lies in the higher half, and the `vmalloc` crate manages its page tables.

pub(crate) mod direct;
pub(crate) mod image;
pub(crate) mod selfcheck;
pub(crate) mod stacks;
pub(crate) mod tables;
pub(crate) mod walk;
pub(crate) mod window;

use core::fmt;

use runtime_config::limits::{MEMORY_BYTES_MIN, RAM_BYTES_MIN};

use crate::hardware::cpu::control;
use crate::platform::memory_map::MemoryMap;
use crate::platform::span::Span;

/// The first MiB, which is not given to the window: it contains interrupt vectors and tables of the firmware, and the
/// page from which the APs start.
const LOW_MEMORY: Span = Span::new(0, 1 << 20);
/// Number of bytes from address 0 that the entry code maps. The new page tables must lie in this range, because they
/// are written before they are loaded.
const EARLY_BYTES: u64 = 4 << 30;
const PAGE_BYTES: u64 = 4096;

/// Replaces the page tables of the entry code by tables in which each section of the image has its own rights.
///
/// Returns the RAM that is not used yet: `ram` without the first MiB, the image and the new page tables.
///
/// # Errors
///
/// The machine has too little memory.
///
/// # Context
///
/// Once, on the BSP, before other code uses memory outside the image.
pub(crate) fn init(ram: &MemoryMap) -> Result<MemoryMap, TooSmall> {
    let too_small = TooSmall { bytes: ram.bytes() };
    if ram.bytes() < RAM_BYTES_MIN as u64 {
        return Err(too_small);
    }
    let mut free = ram.clone();
    free.remove(LOW_MEMORY);
    free.remove(image::whole());
    let pool_bytes = tables::pool_frames(ram) * PAGE_BYTES;
    let pool = free.carve(pool_bytes, PAGE_BYTES, EARLY_BYTES).ok_or(too_small)?;
    control::protect();
    tables::install(ram, pool);
    Ok(free)
}

/// The machine has less memory than the image needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooSmall {
    /// Bytes of RAM that the loader reports.
    pub(crate) bytes: u64,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, least) = (self.bytes >> 10, RAM_BYTES_MIN >> 10);
        let machine = MEMORY_BYTES_MIN >> 20;
        write!(f, "{found} KiB of memory, {least} KiB needed: a machine of {machine} MiB has them")
    }
}
