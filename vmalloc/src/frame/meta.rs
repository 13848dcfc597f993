//! One record for each frame: its state, and fields whose meaning depends on the state.
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

/// A frame's number counted from the lowest frame of the managed span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FrameIndex(pub(crate) u32);

impl FrameIndex {
    /// No frame.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// As an index into the records.
    #[inline]
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// The use of a frame. Every frame is in exactly one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum FrameState {
    /// Not handed to the crate: a hole, firmware, the kernel's image.
    Boot = 0,
    /// Free, in a block of the buddy.
    Free,
    /// Out of the buddy, one by one: mapped, lazy, or ready in a magazine. Which of them is said by
    /// where it is found: an entry, a record's chain, a magazine.
    Taken,
    /// The first of 512 frames that one large leaf maps; the others are [`Taken`](Self::Taken).
    Large,
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
    /// One region's, by its slot: no index is needed.
    Sole(u32),
    /// Several regions': the index in this frame names the slot of each page.
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

/// Tells an index's frame from a slot in `other`: slots have 24 bits.
const INDEX_BIT: u32 = 1 << 31;

/// Whether a table counts something, and so much more has room.
#[inline]
fn has_room(word: u32, number: usize) -> bool {
    let count = (word >> COUNT_SHIFT & COUNT_BITS) as usize;
    count.wrapping_sub(1) < 512usize.wrapping_sub(number)
}

/// The record. All fields are atomic because reports read them without a lock. Where no other
/// partner is named, a writer owns the frame or holds the lock that the state belongs to, so
/// `Relaxed` needs no partner.
#[derive(Debug, Default)]
pub(crate) struct FrameMeta {
    word: AtomicU32,
    next: AtomicU32,
    other: AtomicU32,
    place: AtomicU32,
}

// SAFETY: the record is made of atomic integers only.
unsafe impl Zeroable for FrameMeta {}

impl FrameMeta {
    pub(crate) fn state(&self) -> FrameState {
        STATES[(self.word.load(Relaxed) & STATE_BITS) as usize]
    }

    /// Sets the state and forgets order, count and mark.
    pub(crate) fn set_state(&self, state: FrameState) {
        let node = self.word.load(Relaxed) >> NODE_SHIFT << NODE_SHIFT;
        self.word.store(node | state as u32, Relaxed);
    }

    /// The NUMA node.
    pub(crate) fn node(&self) -> usize {
        (self.word.load(Relaxed) >> NODE_SHIFT) as usize
    }

    /// Sets the node, once.
    pub(crate) fn set_node(&self, node: u32) {
        let rest = self.word.load(Relaxed) & ((1 << NODE_SHIFT) - 1);
        self.word.store(rest | node << NODE_SHIFT, Relaxed);
    }

    /// Makes it the first frame of a free block.
    pub(crate) fn set_free_head(&self, order: u32) {
        self.set_state(FrameState::Free);
        self.word.fetch_or(HEAD_BIT | order << ORDER_SHIFT, Relaxed);
    }

    /// The order, if this is the first frame of a free block.
    pub(crate) fn free_order(&self) -> Option<u32> {
        let word = self.word.load(Relaxed);
        (word & STATE_BITS == FrameState::Free as u32 && word & HEAD_BIT != 0)
            .then_some(word >> ORDER_SHIFT & ORDER_BITS)
    }

    /// How many pages of areas (leaf) or entries (above) this table holds: 0 to 512.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        (self.word.load(Acquire) >> COUNT_SHIFT & COUNT_BITS) as usize
    }

    /// Raises the count. The tables' lock is held.
    #[inline]
    pub(crate) fn add_count(&self, number: usize) {
        // Release: pairs with the Acquire in `pin`: a CPU that joins the table sees it linked.
        let before = self.word.fetch_add(Self::shifted(number), Release);
        let count = (before >> COUNT_SHIFT & COUNT_BITS) as usize + number;
        assert!(count <= 512, "a table cannot hold {count} entries");
    }

    /// Returns the word that [`pin`](Self::pin) needs to raise the count of a leaf table. Returns
    /// `None` if the frame is not a table, if the table lies elsewhere, if its count is 0 (it may
    /// be freed soon), or if it has no room (a full table has moved).
    #[inline]
    pub(crate) fn pinnable(&self, place: u32, number: usize) -> Option<u32> {
        // Acquire: pairs with the Release in `add_count`. A CPU that reads the raised count also
        // reads the `place` field that was stored before the count was raised.
        let word = self.word.load(Acquire);
        let is_table = word & STATE_BITS == FrameState::Table as u32;
        let is_there = is_table && self.place() == place;
        (is_there && has_room(word, number)).then_some(word)
    }

    /// Raises the count of a leaf table that has one already, without the lock.
    #[inline]
    pub(crate) fn pin(&self, mut word: u32, number: usize) -> bool {
        loop {
            let more = word + Self::shifted(number);
            // Acquire: pairs with the Release in `sub_count`, the last access of the previous
            // owner.
            match self.word.compare_exchange_weak(word, more, Acquire, Acquire) {
                Ok(_) => return true,
                Err(now) if has_room(now, number) => word = now,
                Err(_) => return false,
            }
        }
    }

    /// Lowers the count and returns what is left.
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

    /// Sets the audit's mark; false if it was set already.
    pub(crate) fn mark(&self) -> bool {
        self.word.fetch_or(MARK_BIT, Relaxed) & MARK_BIT == 0
    }

    /// Takes the mark off; true if it was set.
    pub(crate) fn unmark(&self) -> bool {
        self.word.fetch_and(!MARK_BIT, Relaxed) & MARK_BIT != 0
    }

    /// Notes that the table is on the list of unlinked ones; false if it was already.
    pub(crate) fn list(&self) -> bool {
        self.word.fetch_or(LISTED_BIT, Relaxed) & LISTED_BIT == 0
    }

    /// Notes that the table is on no list any more.
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

    /// The owners of the pages of this leaf table.
    #[inline]
    pub(crate) fn owners(&self) -> Owners {
        // Acquire: pairs with `set_owners`, so an index is seen filled.
        let other = self.other.load(Acquire);
        match other & INDEX_BIT {
            0 => Owners::Sole(other),
            _ => Owners::Index(FrameIndex(other & !INDEX_BIT)),
        }
    }

    /// Says whose pages this leaf table holds.
    pub(crate) fn set_owners(&self, owners: Owners) {
        let other = match owners {
            Owners::Sole(slot) => slot,
            Owners::Index(frame) => frame.0 | INDEX_BIT,
        };
        // Release: pairs with `owners`.
        self.other.store(other, Release);
    }

    pub(crate) fn place(&self) -> u32 {
        self.place.load(Relaxed)
    }

    pub(crate) fn set_place(&self, place: u32) {
        self.place.store(place, Relaxed);
    }
}
