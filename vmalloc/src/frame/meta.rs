//! Keeps one record for each frame: the state of the frame, and fields whose meaning depends on the
//! state.
//!
//! | state | `next` | `other` | `place` |
//! |---|---|---|---|
//! | free block's first frame | next block of the order | previous block | |
//! | taken, on a chain | next frame of the chain | | |
//! | large block's first frame | next frame of the chain | slot of its region | |
//! | leaf table | next unlinked table | owners of its pages: [`Owners`] | which 2 MiB it covers |
//! | upper table | next unlinked table | | which entry points to it |
#![expect(unsafe_code, reason = "promises that a record of zeros is a record")]

use crate::raw::Zeroable;
use crate::sync::AtomicU32;
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// The number of a frame, counted from the lowest frame of the managed span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FrameIndex(pub(crate) u32);

impl FrameIndex {
    /// The value that stands for no frame.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// Returns the index of the frame's record.
    #[inline]
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// The use of a frame. Every frame is in exactly one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum FrameState {
    /// Not managed by the crate: a hole in the memory, firmware, or the image of the kernel.
    Boot = 0,
    /// Free, and part of a block of the buddy allocator.
    Free,
    /// Taken from the buddy allocator as a single frame: mapped, lazy, or cached in a magazine. The
    /// state does not tell these apart; the entry, slot or magazine that refers to the frame does.
    Taken,
    /// The first of 512 frames that one large leaf maps. The other 511 frames are
    /// [`Taken`](Self::Taken).
    Large,
    /// A page table of the window.
    Table,
    /// The region index beside a leaf table.
    Index,
    /// Memory for the records of the crate.
    Slab,
    /// Part of a run of adjacent frames that the kernel took for itself.
    Heap,
}

/// All states, indexed by their numbers.
pub(crate) const STATES: [FrameState; 8] = [
    FrameState::Boot,
    FrameState::Free,
    FrameState::Taken,
    FrameState::Large,
    FrameState::Table,
    FrameState::Index,
    FrameState::Slab,
    FrameState::Heap,
];

/// The owners of the pages of a leaf table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// All pages belong to the region in this slot, so the table needs no index.
    Sole(u32),
    /// The pages belong to several regions. The index in this frame names the slot of each page.
    Index(FrameIndex),
}

const STATE_BITS: u32 = 0xf;
const HEAD_BIT: u32 = 1 << 4;
const MARK_BIT: u32 = 1 << 5;
const ORDER_SHIFT: u32 = 6;
const ORDER_BITS: u32 = 0xf;
const LISTED_BIT: u32 = 1 << 10;
const COUNT_SHIFT: u32 = 12;
const COUNT_BITS: u32 = 0x3ff;
const NODE_SHIFT: u32 = 24;

/// Marks a frame number in `other`; without this bit `other` is a slot number, which has 24 bits.
const INDEX_BIT: u32 = 1 << 31;

/// Returns whether the count in `word` is at least 1 and stays at most 512 if `number` is added.
#[inline]
fn has_room(word: u32, number: usize) -> bool {
    let count = (word >> COUNT_SHIFT & COUNT_BITS) as usize;
    count.wrapping_sub(1) < 512usize.wrapping_sub(number)
}

/// The record of a frame. All fields are atomic, because reports read them without a lock. A writer
/// owns the frame or holds the lock that the state belongs to. So an access that is `Relaxed` and
/// names no partner needs none.
#[derive(Debug, Default)]
pub(crate) struct FrameMeta {
    word: AtomicU32,
    next: AtomicU32,
    other: AtomicU32,
    place: AtomicU32,
}

// SAFETY: the record consists of atomic integers only, for which zeros are valid.
unsafe impl Zeroable for FrameMeta {}

impl FrameMeta {
    pub(crate) fn state(&self) -> FrameState {
        STATES[(self.word.load(Relaxed) & STATE_BITS) as usize]
    }

    /// Sets the state, and clears the order, count and mark.
    pub(crate) fn set_state(&self, state: FrameState) {
        let node = self.word.load(Relaxed) >> NODE_SHIFT << NODE_SHIFT;
        self.word.store(node | state as u32, Relaxed);
    }

    /// Returns the NUMA node of the frame.
    pub(crate) fn node(&self) -> usize {
        (self.word.load(Relaxed) >> NODE_SHIFT) as usize
    }

    /// Sets the NUMA node. Called once for each frame, at set-up.
    pub(crate) fn set_node(&self, node: u32) {
        let rest = self.word.load(Relaxed) & ((1 << NODE_SHIFT) - 1);
        self.word.store(rest | node << NODE_SHIFT, Relaxed);
    }

    /// Makes this frame the first one of a free block of `order`.
    pub(crate) fn set_free_head(&self, order: u32) {
        self.set_state(FrameState::Free);
        self.word.fetch_or(HEAD_BIT | order << ORDER_SHIFT, Relaxed);
    }

    /// Returns the order of the free block whose first frame this is, if any.
    pub(crate) fn free_order(&self) -> Option<u32> {
        let word = self.word.load(Relaxed);
        (word & STATE_BITS == FrameState::Free as u32 && word & HEAD_BIT != 0)
            .then_some(word >> ORDER_SHIFT & ORDER_BITS)
    }

    /// Returns the count of a table, 0 to 512: for a leaf table the pages of areas, for an upper
    /// table the used entries.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        (self.word.load(Acquire) >> COUNT_SHIFT & COUNT_BITS) as usize
    }

    /// Raises the count of a table. The caller holds the lock of the tables.
    #[inline]
    pub(crate) fn add_count(&self, number: usize) {
        // Release: pairs with the Acquire in `pinnable` and `pin`. A CPU that reads the raised
        // count also reads the `place` and the owners that were stored before.
        let before = self.word.fetch_add(Self::shifted(number), Release);
        let count = (before >> COUNT_SHIFT & COUNT_BITS) as usize + number;
        assert!(count <= 512, "a table cannot hold {count} entries");
    }

    /// Returns the word that [`pin`](Self::pin) needs to raise the count of a leaf table by
    /// `number`. Returns `None` if the frame is not a table, if its place is not `place`, if its
    /// count is 0 (the table may soon be freed), or if the count would exceed 512 (only a full
    /// table can have moved).
    #[inline]
    pub(crate) fn pinnable(&self, place: u32, number: usize) -> Option<u32> {
        // Acquire: pairs with the Release in `add_count`. A CPU that reads the raised count also
        // reads the `place` that was stored before.
        let word = self.word.load(Acquire);
        let is_table = word & STATE_BITS == FrameState::Table as u32;
        let is_there = is_table && self.place() == place;
        (is_there && has_room(word, number)).then_some(word)
    }

    /// Raises the count of a leaf table without the lock. `word` is from
    /// [`pinnable`](Self::pinnable). Returns `false` if the count has fallen to 0 or would exceed
    /// 512.
    #[inline]
    pub(crate) fn pin(&self, mut word: u32, number: usize) -> bool {
        loop {
            let more = word + Self::shifted(number);
            // Acquire: pairs with the Release in `sub_count`, the last access of the previous owner
            // of these pages.
            match self.word.compare_exchange_weak(word, more, Acquire, Acquire) {
                Ok(_) => return true,
                Err(now) if has_room(now, number) => word = now,
                Err(_) => return false,
            }
        }
    }

    /// Lowers the count of a table and returns the new count.
    #[inline]
    pub(crate) fn sub_count(&self, number: usize) -> usize {
        // Release: pairs with the Acquire in `pin` and `count`.
        let before = self.word.fetch_sub(Self::shifted(number), Release);
        let count = (before >> COUNT_SHIFT & COUNT_BITS) as usize;
        assert!(number <= count, "a table of {count} entries cannot lose {number}");
        count - number
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most 512")]
    fn shifted(count: usize) -> u32 {
        (count as u32) << COUNT_SHIFT
    }

    /// Sets the mark of the audit. Returns `false` if the mark was already set.
    pub(crate) fn mark(&self) -> bool {
        self.word.fetch_or(MARK_BIT, Relaxed) & MARK_BIT == 0
    }

    /// Clears the mark of the audit. Returns whether the mark was set.
    pub(crate) fn unmark(&self) -> bool {
        self.word.fetch_and(!MARK_BIT, Relaxed) & MARK_BIT != 0
    }

    /// Records that the table is on the list of unlinked tables. Returns `false` if it already was.
    pub(crate) fn list(&self) -> bool {
        self.word.fetch_or(LISTED_BIT, Relaxed) & LISTED_BIT == 0
    }

    /// Records that the table is no longer on the list of unlinked tables.
    pub(crate) fn unlist(&self) {
        self.word.fetch_and(!LISTED_BIT, Relaxed);
    }

    #[inline]
    pub(crate) fn next(&self) -> FrameIndex {
        FrameIndex(self.next.load(Relaxed))
    }

    #[inline]
    pub(crate) fn set_next(&self, next: FrameIndex) {
        self.next.store(next.0, Relaxed);
    }

    pub(crate) fn other(&self) -> FrameIndex {
        FrameIndex(self.other.load(Relaxed))
    }

    pub(crate) fn set_other(&self, other: FrameIndex) {
        self.other.store(other.0, Relaxed);
    }

    /// Returns the owners of the pages of this leaf table.
    #[inline]
    pub(crate) fn owners(&self) -> Owners {
        // Acquire: pairs with the Release in `set_owners`, so the entries of an index are seen.
        let other = self.other.load(Acquire);
        match other & INDEX_BIT {
            0 => Owners::Sole(other),
            _ => Owners::Index(FrameIndex(other & !INDEX_BIT)),
        }
    }

    /// Sets the owners of the pages of this leaf table.
    pub(crate) fn set_owners(&self, owners: Owners) {
        let other = match owners {
            Owners::Sole(slot) => slot,
            Owners::Index(frame) => frame.0 | INDEX_BIT,
        };
        // Release: pairs with the Acquire in `owners`.
        self.other.store(other, Release);
    }

    pub(crate) fn place(&self) -> u32 {
        self.place.load(Relaxed)
    }

    pub(crate) fn set_place(&self, place: u32) {
        self.place.store(place, Relaxed);
    }
}
