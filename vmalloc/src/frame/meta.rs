//! Keeps one record for each frame: the state of the frame, and fields whose meaning depends on the
//! state.
//!
//! | state | `next` | `other` |
//! |---|---|---|
//! | free block's first frame | next block of the order | previous block |
//! | taken, on a chain | next frame of the chain | |
//! | large block's first frame | next frame of the chain | |
#![expect(unsafe_code, reason = "promises that a record of zeros is a record")]

use crate::raw::Zeroable;
use crate::sync::AtomicU32;
use crate::sync::Ordering::Relaxed;

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
    /// The records of leaf tables.
    Records,
    /// Memory for the records of the crate.
    Slab,
    /// Part of a run of adjacent frames that the kernel took for itself.
    Heap,
}

/// All states, indexed by their numbers.
pub(crate) const STATES: [FrameState; 9] = [
    FrameState::Boot,
    FrameState::Free,
    FrameState::Taken,
    FrameState::Large,
    FrameState::Table,
    FrameState::Index,
    FrameState::Records,
    FrameState::Slab,
    FrameState::Heap,
];

const STATE_BITS: u32 = 0xf;
const HEAD_BIT: u32 = 1 << 4;
const MARK_BIT: u32 = 1 << 5;
const ORDER_SHIFT: u32 = 6;
const ORDER_BITS: u32 = 0xf;
const NODE_SHIFT: u32 = 24;

/// The record of a frame. All fields are atomic, because reports read them without a lock. A writer
/// owns the frame or holds the lock that the state belongs to. So an access that is `Relaxed` and
/// names no partner needs none.
#[derive(Debug, Default)]
pub(crate) struct FrameMeta {
    word: AtomicU32,
    next: AtomicU32,
    other: AtomicU32,
}

// SAFETY: the record consists of atomic integers only, for which zeros are valid.
unsafe impl Zeroable for FrameMeta {}

impl FrameMeta {
    pub(crate) fn state(&self) -> FrameState {
        STATES[(self.word.load(Relaxed) & STATE_BITS) as usize]
    }

    /// Sets the state, and clears the order and the mark.
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

    /// Sets the mark of the audit. Returns `false` if the mark was already set.
    pub(crate) fn mark(&self) -> bool {
        self.word.fetch_or(MARK_BIT, Relaxed) & MARK_BIT == 0
    }

    /// Clears the mark of the audit. Returns whether the mark was set.
    pub(crate) fn unmark(&self) -> bool {
        self.word.fetch_and(!MARK_BIT, Relaxed) & MARK_BIT != 0
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
}
