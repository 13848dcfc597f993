//! Finds the record of each place, 2 MiB of the window, in frames that exist only where the window
//! has tables.
//!
//! | for | records | found by |
//! |---|---|---|
//! | 2 MiB with a leaf table or a large leaf | [`TableRecord`] | its number in the frame of its half GiB |
//! | half a GiB whose level-2 table exists | the frame of 256 table records | [`Records::parts`] |
//! | 1 GiB | the used entries of its level-2 table | [`Middle`] |
//!
//! The last two are arrays over the whole window: 16 bytes for each GiB. The two frames of a GiB are
//! made with its level-2 table, and freed with it, after the same shootdown. Until then a reader
//! with interrupts off may read them.
#![expect(unsafe_code, reason = "promises that a record of zeros is a record")]

use super::record::TableRecord;
use crate::frame::FrameIndex;
use crate::frame::buddy::Buddy;
use crate::machine::PhysicalMemory;
use crate::page::{LARGE_PAGES, PAGE_BYTES, Page, PageRange};
use crate::raw;
use crate::raw::{Slab, Zeroable};
use crate::sync::{AtomicU32, Ordering};

// SAFETY: a plain integer. No slab of the model checker's atomics is carved.
unsafe impl Zeroable for AtomicU32 {}

/// The number of places of one frame of table records.
pub(crate) const PART_PLACES: u32 = 256;

const RECORDS: usize = PART_PLACES as usize;

/// The number of frames of records for each GiB.
pub(super) const GIB_PARTS: u32 = 2;

/// The number of places of one GiB.
pub(crate) const GIB_PLACES: u32 = GIB_PARTS * PART_PLACES;

/// The number of pages below one level-3 entry.
const GIB_PAGES: u64 = LARGE_PAGES * LARGE_PAGES;

/// Marks a frame of records whose level-2 table is unlinked.
const UNLINKED_BIT: u32 = 1 << 31;

/// The level-2 table over 1 GiB of the window.
#[derive(Debug, Default)]
pub(crate) struct Middle {
    /// The number of linked leaf tables and large leaves, and whether the GiB is on the list of
    /// unlinked tables.
    used: AtomicU32,
    /// The next GiB on that list.
    next: AtomicU32,
}

// SAFETY: the record consists of atomic integers only, for which zeros are valid.
unsafe impl Zeroable for Middle {}

const LISTED_BIT: u32 = 1 << 16;

/// All accesses are `Relaxed`: only the holder of the lock of the tables changes or trusts them.
impl Middle {
    /// Returns the number of used entries.
    pub(crate) fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed) & !LISTED_BIT
    }

    pub(super) fn add(&self) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    /// Lowers the number of used entries and returns the new one.
    pub(super) fn sub(&self) -> u32 {
        assert!(self.used() > 0, "a level-2 table without entries cannot lose one");
        (self.used.fetch_sub(1, Ordering::Relaxed) & !LISTED_BIT) - 1
    }

    /// Records that the table is on the list of unlinked tables, as [`TableRecord::list`] does.
    pub(super) fn list(&self, next: u32) -> bool {
        let is_new = self.used.fetch_or(LISTED_BIT, Ordering::Relaxed) & LISTED_BIT == 0;
        if is_new {
            self.next.store(next, Ordering::Relaxed);
        }
        is_new
    }

    pub(super) fn unlist(&self) -> u32 {
        self.used.fetch_and(!LISTED_BIT, Ordering::Relaxed);
        self.next.load(Ordering::Relaxed)
    }
}

/// The records of a window.
#[derive(Debug)]
pub(crate) struct Records {
    /// The number of the page at which the first GiB starts.
    base: u64,
    /// For each half GiB the frame of its table records plus 1, or 0 if there is none.
    parts: Slab<AtomicU32>,
    middles: Slab<Middle>,
}

fn first_page(window: PageRange) -> u64 {
    window.address().as_u64() / PAGE_BYTES / GIB_PAGES * GIB_PAGES
}

/// Returns the number of GiB that a window touches.
pub(crate) fn gibs(window: PageRange) -> usize {
    let pages = window.end().as_u64() / PAGE_BYTES - first_page(window);
    usize::try_from(pages.div_ceil(GIB_PAGES)).expect("the window has addresses")
}

impl Records {
    /// Creates the records of a window without tables. `parts` has two elements for each of the
    /// [`gibs`], and `middles` one.
    pub(crate) fn new(window: PageRange, parts: Slab<AtomicU32>, middles: Slab<Middle>) -> Self {
        assert_eq!((parts.len(), middles.len()), (2 * gibs(window), gibs(window)));
        Self { base: first_page(window), parts, middles }
    }

    /// Returns the number of the place of a page of the window.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a window has fewer than 2^32 places")]
    pub(crate) fn place(&self, page: Page) -> u32 {
        (self.number(page) / LARGE_PAGES) as u32
    }

    /// Returns the number of a page, counted from the start of the first GiB.
    #[inline]
    fn number(&self, page: Page) -> u64 {
        page.start_address().as_u64() / PAGE_BYTES - self.base
    }

    /// Returns the first page of a place. The first place may begin before the window.
    pub(crate) fn page(&self, place: u32) -> Page {
        let number = self.base + u64::from(place) * LARGE_PAGES;
        Page::containing_address(x86_64::VirtAddr::new_truncate(number * PAGE_BYTES))
    }

    /// Returns the record of the place of a page, or `None` if half its GiB has no tables.
    ///
    /// The record stays while the caller has interrupts off, or holds the lock of the tables, or
    /// while the place is counted.
    #[inline(always)]
    pub(crate) fn find<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        page: Page,
    ) -> Option<&'m TableRecord> {
        let place = self.number(page) / LARGE_PAGES;
        let part = self.parts.get(usize::try_from(place / u64::from(PART_PLACES)).ok()?)?;
        // Acquire: pairs with the Release in `set_part`, so a new frame is seen zeroed.
        let part = part.load(Ordering::Acquire);
        if part.wrapping_sub(1) >= UNLINKED_BIT - 1 {
            return None;
        }
        let frame = frames.frame(FrameIndex(part - 1));
        let records = raw::records::<TableRecord, RECORDS, _>(memory, frame);
        Some(&records[place as usize % RECORDS])
    }

    /// Returns the record of a place as [`find`](Self::find) does, also below an unlinked level-2
    /// table. The caller holds the lock of the tables.
    pub(crate) fn find_any<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        place: u32,
    ) -> Option<&'m TableRecord> {
        let frame = self.part(place)?;
        let records = raw::records::<TableRecord, RECORDS, _>(memory, frames.frame(frame));
        Some(&records[(place % PART_PLACES) as usize])
    }

    /// Returns the frame of the records of half the GiB of a place.
    pub(crate) fn part(&self, place: u32) -> Option<FrameIndex> {
        let part =
            self.parts[(place / PART_PLACES) as usize].load(Ordering::Relaxed) & !UNLINKED_BIT;
        part.checked_sub(1).map(FrameIndex)
    }

    /// Sets the frame of the records of half the GiB of a place. It contains zeros.
    pub(super) fn set_part(&self, place: u32, frame: FrameIndex) {
        // Release: pairs with the Acquire in `find`.
        self.parts[(place / PART_PLACES) as usize].store(frame.0 + 1, Ordering::Release);
    }

    /// Removes the frame of the records of half the GiB of a place.
    pub(super) fn take_part(&self, place: u32) -> Option<FrameIndex> {
        let frame = self.part(place);
        self.parts[(place / PART_PLACES) as usize].store(0, Ordering::Relaxed);
        frame
    }

    /// Returns a place in each half of the GiB of a place.
    pub(crate) fn parts_of(&self, place: u32) -> [u32; GIB_PARTS as usize] {
        let first = place / GIB_PLACES * GIB_PLACES;
        [first, first + PART_PLACES]
    }

    /// Hides the records of the GiB of a place from readers, or shows them again.
    pub(super) fn hide(&self, place: u32, hidden: bool) {
        let gib = (place / GIB_PLACES) as usize;
        for part in &self.parts[2 * gib..2 * gib + 2] {
            if hidden {
                part.fetch_or(UNLINKED_BIT, Ordering::Relaxed);
            } else {
                part.fetch_and(!UNLINKED_BIT, Ordering::Release);
            }
        }
    }

    /// Returns the level-2 table over the GiB of a place.
    pub(crate) fn middle(&self, place: u32) -> &Middle {
        &self.middles[(place / GIB_PLACES) as usize]
    }

    /// Returns the number of places.
    pub(crate) fn places(&self) -> u32 {
        u32::try_from(self.parts.len()).expect("a window has fewer than 2^32 places") * PART_PLACES
    }
}
