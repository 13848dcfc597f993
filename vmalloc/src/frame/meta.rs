//! One record for each frame: its state, and links whose meaning depends on the state.
//!
//! | state | `next` | `other` | `count` |
//! |---|---|---|---|
//! | free block's first frame | next block of the order | previous block | |
//! | in a chain | next frame of the chain | | |
//! | table | | frame of its index | pages or tables below it |

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A frame's number counted from the lowest frame of the managed span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FrameIndex(pub(crate) u32);

impl FrameIndex {
    /// No frame.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// As an index into the records.
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// Who has a frame. Every frame is in exactly one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum FrameState {
    /// Not handed to the crate: a hole, firmware, the kernel's image.
    Boot = 0,
    /// Free, in a block of the buddy.
    Free,
    /// Taken, on its way to a use or back.
    InFlight,
    /// Behind a present entry of a region.
    Mapped,
    /// Unmapped, not yet acknowledged by every TLB.
    Lazy,
    /// A page table of the window.
    Table,
    /// The region index beside a leaf table.
    Index,
    /// The crate's own records.
    Slab,
    /// Taken as a run by the kernel.
    Heap,
}

/// All states, in the order of their numbers.
pub(crate) const STATES: [FrameState; 9] = [
    FrameState::Boot,
    FrameState::Free,
    FrameState::InFlight,
    FrameState::Mapped,
    FrameState::Lazy,
    FrameState::Table,
    FrameState::Index,
    FrameState::Slab,
    FrameState::Heap,
];

const STATE_BITS: u32 = 0xf;
const HEAD_BIT: u32 = 1 << 4;
const MARK_BIT: u32 = 1 << 5;
const ORDER_SHIFT: u32 = 8;
const COUNT_SHIFT: u32 = 16;

/// The record. All fields are atomic because reports read them without a lock; a writer holds the
/// lock that the state belongs to, so `Relaxed` has no partner and needs none. The audit's mark
/// alone is set without a lock.
#[derive(Debug)]
pub(crate) struct FrameMeta {
    word: AtomicU32,
    next: AtomicU32,
    other: AtomicU32,
}

impl FrameMeta {
    pub(crate) fn state(&self) -> FrameState {
        STATES[(self.word.load(Relaxed) & STATE_BITS) as usize]
    }

    /// Sets the state and forgets order, count and mark.
    pub(crate) fn set_state(&self, state: FrameState) {
        self.word.store(state as u32, Relaxed);
    }

    /// Makes it the first frame of a free block.
    pub(crate) fn set_free_head(&self, order: u32) {
        self.word.store(FrameState::Free as u32 | HEAD_BIT | order << ORDER_SHIFT, Relaxed);
    }

    /// The order, if this is the first frame of a free block.
    pub(crate) fn free_order(&self) -> Option<u32> {
        let word = self.word.load(Relaxed);
        (word & STATE_BITS == FrameState::Free as u32 && word & HEAD_BIT != 0)
            .then_some((word >> ORDER_SHIFT) & 0xff)
    }

    /// How many pages of areas (leaf) or tables (above) hang below this table: 0 to 512.
    pub(crate) fn count(&self) -> usize {
        (self.word.load(Relaxed) >> COUNT_SHIFT) as usize
    }

    pub(crate) fn add_count(&self, number: usize) {
        self.set_count(self.count() + number);
    }

    /// Lowers the count and returns what is left.
    pub(crate) fn sub_count(&self, number: usize) -> usize {
        let count = self.count();
        assert!(number <= count, "a table of {count} entries cannot lose {number}");
        self.set_count(count - number);
        count - number
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most 512")]
    fn set_count(&self, count: usize) {
        assert!(count <= 512, "a table cannot hold {count} entries");
        let rest = self.word.load(Relaxed) & !(u32::MAX << COUNT_SHIFT);
        self.word.store(rest | (count as u32) << COUNT_SHIFT, Relaxed);
    }

    /// Sets the audit's mark; false if it was set already.
    pub(crate) fn mark(&self) -> bool {
        self.word.fetch_or(MARK_BIT, Relaxed) & MARK_BIT == 0
    }

    pub(crate) fn unmark(&self) {
        self.word.fetch_and(!MARK_BIT, Relaxed);
    }

    pub(crate) fn next(&self) -> FrameIndex {
        FrameIndex(self.next.load(Relaxed))
    }

    pub(crate) fn set_next(&self, next: FrameIndex) {
        self.next.store(next.0, Relaxed);
    }

    pub(crate) fn other(&self) -> FrameIndex {
        FrameIndex(self.other.load(Relaxed))
    }

    pub(crate) fn set_other(&self, other: FrameIndex) {
        self.other.store(other.0, Relaxed);
    }
}
