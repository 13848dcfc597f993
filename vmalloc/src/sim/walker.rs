//! The page walk of the hardware.
//!
//! # Source
//!
//! Intel SDM volume 3, "4-Level Paging" and "Accessed and Dirty Flags". Bit positions are taken
//! from the manual and not from the crate, so that an error in the crate's entries is detected.
//!
//! A processor sets accessed and dirty bits with a locked cycle that also checks the entry, so it sets
//! no bit in an entry that has been cleared since it was read.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// Sets bits of an entry that is present, in one step. Returns the entry, or `None` if it is not present.
fn mark(word: &AtomicU64, bits: u64) -> Option<u64> {
    let marked = |entry| (entry & PRESENT != 0).then_some(entry | bits);
    word.fetch_update(Ordering::AcqRel, Ordering::Acquire, marked).ok()
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
        let entry = mark(word, ACCESSED)?;
        let large = here.level == 2 && entry & LARGE != 0;
        assert!(large || here.level == 1 || entry & LARGE == 0, "{entry:#x} at {address:#x}");
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
            // A leaf that has been cleared or moved stays as it is. The flush that follows waits for
            // this CPU, or is one that this CPU has not acknowledged yet.
            let _ = mark(word, DIRTY);
            return;
        }
        table = Frame::containing_address(PhysAddr::new(entry & FRAME));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::sim;

    /// One thread walks a page and marks it as written while another thread maps and clears it. An
    /// entry that is cleared stays 0: the crate adds a freed table to the frames of zeros.
    #[test]
    fn a_cleared_entry_stays_zero() {
        const ROUNDS: u64 = 2_000;
        let memory = Memory::new(8);
        let page = sim::window(1).start();
        let tables = [0, 1, 2, 3].map(|number| memory.root() + number);
        for table in tables {
            memory.words(table).iter().for_each(|word| word.store(0, Ordering::Relaxed));
        }
        let address = page.start_address().as_u64();
        let place = |table: Frame, level: u32| {
            let index = usize::try_from(address >> (12 + 9 * (level - 1)) & 0x1ff);
            &memory.words(table)[index.expect("below 512")]
        };
        let entry = |frame: Frame| frame.start_address().as_u64() | PRESENT | WRITE;
        for (level, pair) in [4, 3, 2].into_iter().zip(tables.windows(2)) {
            place(pair[0], level).store(entry(pair[1]), Ordering::Release);
        }
        let root = Start { level: 4, table: memory.root(), write: true, execute: true };
        let (leaf, frame) = (place(tables[3], 1), memory.root() + 5);
        let (turns, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        let left = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = walk(&memory, page, root, |_| ());
                    dirty(&memory, page, memory.root());
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            });
            let await_turn = || {
                let now = turns.load(Ordering::Relaxed);
                while turns.load(Ordering::Relaxed) < now + 2 {
                    std::thread::yield_now();
                }
            };
            let spoilt = (0..ROUNDS).find_map(|round| {
                leaf.store(entry(frame), Ordering::Release);
                // Clears the entry at another point of the walk in each round.
                (0..round % 64).for_each(|_| std::hint::spin_loop());
                leaf.store(0, Ordering::Release);
                await_turn();
                Some(leaf.load(Ordering::Acquire)).filter(|left| *left != 0)
            });
            is_over.store(true, Ordering::Relaxed);
            spoilt
        });
        assert_eq!(left, None, "a cleared entry has bits");
    }
}
