//! Memory below the window: the page tables of the low half, the sections of the image and the stacks.
//!
//! All RAM is mapped once, at offset 0 in the low half, with 2 MiB pages. 4 KiB pages are used where rights
//! change or a range is not a multiple of 2 MiB. The window lies in the higher half and belongs to the
//! `vmalloc` crate.

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

/// The interrupt vectors and tables of the firmware, and the page from which APs start.
const LOW_MEMORY: Span = Span::new(0, 1 << 20);
/// Bytes that the entry code maps. The new tables must lie below.
const EARLY_BYTES: u64 = 4 << 30;
const PAGE_BYTES: u64 = 4096;

/// Replaces the page tables of the entry code by tables with rights per section.
///
/// Returns the RAM that is not used yet.
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
