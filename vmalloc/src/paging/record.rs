//! The record of one leaf table: the pages that it counts, their owners, and its frame.
//!
//! The record belongs to a place, 2 MiB of the window. It is outside the table and outside the
//! records of the frames, so a table may be any frame that a kernel gives.
#![expect(unsafe_code, reason = "promises that a record of zeros is a record")]

use crate::frame::FrameIndex;
use crate::raw::Zeroable;
use crate::sync::AtomicU32;
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// The owners of the pages of a leaf table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// All pages belong to the region in this slot, so the table needs no index.
    Sole(u32),
    /// The pages belong to several regions. The index in this frame names the slot of each page.
    Index(FrameIndex),
}

/// The state of the level-2 entry of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum PlaceState {
    /// No leaf table, and no CPU caches one.
    Vacant = 0,
    /// The entry points to a leaf table.
    Linked,
    /// The entry is absent, but a CPU may still cache the leaf table. A shootdown makes the place
    /// vacant; until then the same table may be linked again.
    Unlinked,
    /// The entry is a leaf of 2 MiB.
    Large,
}

const STATES: [PlaceState; 4] =
    [PlaceState::Vacant, PlaceState::Linked, PlaceState::Unlinked, PlaceState::Large];

const COUNT_BITS: u32 = 0x3ff;
const STATE_SHIFT: u32 = 10;
const STATE_BITS: u32 = 3 << STATE_SHIFT;
const LISTED_BIT: u32 = 1 << 12;

/// Marks a frame number in `owners`; without this bit `owners` is a slot number, which has 24 bits.
const INDEX_BIT: u32 = 1 << 31;

/// Returns whether the count in `word` is at least 1 and stays at most 512 if `number` is added.
#[inline]
fn has_room(word: u32, number: usize) -> bool {
    let count = (word & COUNT_BITS) as usize;
    count.wrapping_sub(1) < 512usize.wrapping_sub(number)
}

/// The record of a place. All fields are atomic, because they are read without a lock. The holder
/// of the lock of the tables writes them, except that [`pin`](Self::pin) raises a count above 0. So
/// an access that is `Relaxed` and names no partner needs none.
#[derive(Debug, Default)]
pub(crate) struct TableRecord {
    /// The count of pages, the state, and whether the place is on the list of unlinked tables.
    word: AtomicU32,
    owners: AtomicU32,
    /// The frame of the leaf table.
    table: AtomicU32,
    /// The next place on the list of unlinked tables.
    next: AtomicU32,
}

// SAFETY: the record consists of atomic integers only, for which zeros are valid.
unsafe impl Zeroable for TableRecord {}

impl TableRecord {
    /// Returns the number of pages that the table counts, 0 to 512.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        (self.word.load(Acquire) & COUNT_BITS) as usize
    }

    /// Returns the state of the place.
    #[inline]
    pub(crate) fn state(&self) -> PlaceState {
        STATES[((self.word.load(Acquire) & STATE_BITS) >> STATE_SHIFT) as usize]
    }

    /// Sets the state. The caller holds the lock of the tables, and the count is 0 or the caller
    /// owns all counted pages.
    pub(crate) fn set_state(&self, state: PlaceState) {
        let rest = self.word.load(Relaxed) & !STATE_BITS;
        // Release: pairs with the Acquire in `state` and `pinnable`.
        self.word.store(rest | (state as u32) << STATE_SHIFT, Release);
    }

    /// Raises the count. The caller holds the lock of the tables.
    #[inline]
    pub(crate) fn add_count(&self, number: usize) {
        // Release: pairs with the Acquire in `pinnable` and `pin`. A CPU that reads the raised
        // count also reads the table and the owners that were stored before.
        let before = self.word.fetch_add(shifted(number), Release);
        let count = (before & COUNT_BITS) as usize + number;
        assert!(count <= 512, "a table cannot hold {count} entries");
    }

    /// Lowers the count and returns the new one.
    #[inline]
    pub(crate) fn sub_count(&self, number: usize) -> usize {
        // Release: pairs with the Acquire in `pin` and `count`.
        let before = self.word.fetch_sub(shifted(number), Release);
        let count = (before & COUNT_BITS) as usize;
        assert!(number <= count, "a table of {count} entries cannot lose {number}");
        count - number
    }

    /// Returns the word that [`pin`](Self::pin) needs to raise the count by `number`. Returns
    /// `None` if the count is 0 (no table is linked, or it may soon be freed), or if the count would
    /// exceed 512.
    #[inline]
    pub(crate) fn pinnable(&self, number: usize) -> Option<u32> {
        // Acquire: pairs with the Release in `add_count`.
        let word = self.word.load(Acquire);
        has_room(word, number).then_some(word)
    }

    /// Raises the count without the lock. `word` is from [`pinnable`](Self::pinnable). Returns
    /// `false` if the count has fallen to 0 or would exceed 512.
    #[inline]
    pub(crate) fn pin(&self, mut word: u32, number: usize) -> bool {
        loop {
            let more = word + shifted(number);
            // Acquire: pairs with the Release in `sub_count`, the last access of the previous owner
            // of these pages.
            match self.word.compare_exchange_weak(word, more, Acquire, Acquire) {
                Ok(_) => return true,
                Err(now) if has_room(now, number) => word = now,
                Err(_) => return false,
            }
        }
    }

    /// Returns the owners of the pages of the table.
    #[inline]
    pub(crate) fn owners(&self) -> Owners {
        // Acquire: pairs with the Release in `set_owners`, so the entries of an index are seen.
        let owners = self.owners.load(Acquire);
        match owners & INDEX_BIT {
            0 => Owners::Sole(owners),
            _ => Owners::Index(FrameIndex(owners & !INDEX_BIT)),
        }
    }

    /// Sets the owners of the pages of the table.
    pub(crate) fn set_owners(&self, owners: Owners) {
        let owners = match owners {
            Owners::Sole(slot) => slot,
            Owners::Index(frame) => frame.0 | INDEX_BIT,
        };
        // Release: pairs with the Acquire in `owners`.
        self.owners.store(owners, Release);
    }

    /// Returns the frame of the leaf table. It is valid while the table is linked or unlinked.
    #[inline]
    pub(crate) fn table(&self) -> FrameIndex {
        FrameIndex(self.table.load(Relaxed))
    }

    pub(crate) fn set_table(&self, table: FrameIndex) {
        self.table.store(table.0, Relaxed);
    }

    /// Moves everything that the record of another place has to this one, which is vacant. The
    /// caller holds the lock of the tables and owns all pages of the table.
    pub(super) fn take_over(&self, other: &Self) {
        self.set_table(other.table());
        self.set_owners(other.owners());
        let kept = self.word.load(Relaxed) & LISTED_BIT;
        let taken = other.word.load(Relaxed) & (COUNT_BITS | STATE_BITS);
        // Release: as in `add_count`.
        self.word.store(kept | taken, Release);
        other.clear();
    }

    /// Makes the place vacant.
    pub(crate) fn clear(&self) {
        let kept = self.word.load(Relaxed) & LISTED_BIT;
        // Release: pairs with the Acquire in `state`.
        self.word.store(kept, Release);
    }

    /// Records that the place is on the list of unlinked tables, before `next`. Returns `false`,
    /// without an effect, if it already was.
    pub(super) fn list(&self, next: u32) -> bool {
        let is_new = self.word.fetch_or(LISTED_BIT, Relaxed) & LISTED_BIT == 0;
        if is_new {
            self.next.store(next, Relaxed);
        }
        is_new
    }

    /// Records that the place is no longer on the list of unlinked tables, and returns the next
    /// place.
    pub(super) fn unlist(&self) -> u32 {
        self.word.fetch_and(!LISTED_BIT, Relaxed);
        self.next.load(Relaxed)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most 512")]
fn shifted(count: usize) -> u32 {
    count as u32
}
