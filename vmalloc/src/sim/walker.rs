//! The page walk of the hardware.
//!
//! # Source
//!
//! Intel SDM volume 3, "4-Level Paging" and "Accessed and Dirty Flags". Bit positions are taken
//! from the manual and not from the crate, so that an error in the crate's entries is detected.

use std::sync::atomic::Ordering;

use x86_64::PhysAddr;

use super::memory::Memory;
use crate::page::{Frame, Page};

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const FRAME: u64 = 0x000f_ffff_ffff_f000;

/// The result of a complete walk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Translation {
    pub(super) frame: Frame,
    pub(super) write: bool,
    pub(super) execute: bool,
    /// Whether the leaf maps 2 MiB.
    pub(super) large: bool,
    /// Whether the frame was freed after the walk.
    pub(super) is_freed: bool,
}

/// A table at which a walk can start, with the rights of the entries above it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// The level of the table, 4 to 1.
    pub(super) level: u32,
    pub(super) table: Frame,
    pub(super) write: bool,
    pub(super) execute: bool,
}

/// Walks from the table `start` to the leaf of `page`, and sets accessed bits. Calls `seen` with
/// every table that is reached, so that the caller can cache it. Returns `None` for a page fault.
pub(super) fn walk(
    memory: &Memory,
    page: Page,
    start: Start,
    mut seen: impl FnMut(Start),
) -> Option<Translation> {
    let address = page.start_address().as_u64();
    let mut here = start;
    loop {
        let index = (address >> (12 + 9 * (here.level - 1))) & 0x1ff;
        let word = &memory.words(here.table)[index as usize];
        let entry = word.load(Ordering::Acquire);
        if entry & PRESENT == 0 {
            return None;
        }
        let large = here.level == 2 && entry & LARGE != 0;
        assert!(large || here.level == 1 || entry & LARGE == 0, "{entry:#x} at {address:#x}");
        word.fetch_or(ACCESSED, Ordering::Relaxed);
        let write = here.write && entry & WRITE != 0;
        let execute = here.execute && entry & NO_EXECUTE == 0;
        let frame = Frame::containing_address(PhysAddr::new(entry & FRAME));
        if large {
            assert!(frame.start_address().is_aligned(2u64 << 20), "{entry:#x} at {address:#x}");
            let frame = frame + (address >> 12 & 0x1ff);
            return Some(Translation { frame, write, execute, large, is_freed: false });
        }
        if here.level == 1 {
            return Some(Translation { frame, write, execute, large, is_freed: false });
        }
        here = Start { level: here.level - 1, table: frame, write, execute };
        seen(here);
    }
}

/// Sets the dirty bit of the leaf of a page, as hardware does at the first store to the page.
pub(super) fn dirty(memory: &Memory, page: Page, root: Frame) {
    let address = page.start_address().as_u64();
    let mut table = root;
    for level in [4, 3, 2, 1] {
        let word = &memory.words(table)[((address >> (12 + 9 * (level - 1))) & 0x1ff) as usize];
        let entry = word.load(Ordering::Acquire);
        if entry & PRESENT == 0 {
            return;
        }
        if level == 1 || entry & LARGE != 0 {
            word.fetch_or(DIRTY, Ordering::Relaxed);
            return;
        }
        table = Frame::containing_address(PhysAddr::new(entry & FRAME));
    }
}
