//! The page tables of a window, and the numbers of frames that they take.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::VirtAddr;

use super::entry::Entry;
use super::idle::{Cached, Unlinked};
use super::record::{PlaceState, TableRecord};
use super::records::Records;
use super::span::index;
use crate::frame::buddy::Buddy;
use crate::frame::{FrameChain, FrameIndex, FrameState};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page, PageRange};
use crate::raw;
use crate::sync::{Mutex, MutexGuard};

/// The page tables of the window. The level-4 table at the root belongs to the kernel.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(super) root: Frame,
    pub(super) window: PageRange,
    pub(crate) records: Records,
    made: Mutex<Made>,
}

/// The numbers and lists of existing tables, protected by the lock of the tables.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// The numbers of existing frames.
    pub(super) count: TableCount,
    /// Empty leaf tables that are cached for later regions.
    pub(super) cached: Cached,
    /// Unlinked tables.
    pub(super) unlinked: Unlinked,
}

/// The numbers of frames that the tables take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TableCount {
    /// Tables of levels 3 to 1, including unlinked ones.
    pub(crate) tables: u64,
    /// Indexes beside leaf tables.
    pub(crate) indexes: u64,
    /// Frames of table records.
    pub(crate) records: u64,
    /// The empty leaf tables among `tables` that are cached.
    pub(crate) cached: u64,
}

impl TableCount {
    /// Returns the number of frames of all tables, indexes and records.
    pub(crate) fn frames(self) -> u64 {
        self.tables + self.indexes + self.records
    }
}

/// Frames for new tables, taken before the first table is created, so that creating the tables
/// cannot fail.
#[derive(Debug)]
#[must_use = "dropping a stash loses its frames"]
pub(crate) struct Stash {
    /// Frames with undefined contents.
    pub(crate) plain: FrameChain,
    /// Frames that contain zeros only.
    pub(crate) zeroed: FrameChain,
}

impl Stash {
    pub(crate) const fn new() -> Self {
        Self { plain: FrameChain::new(), zeroed: FrameChain::new() }
    }

    pub(crate) fn count(&self) -> u64 {
        self.plain.count() + self.zeroed.count()
    }

    /// Takes a frame that contains zeros, clearing it if necessary.
    pub(super) fn pop<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy) -> FrameIndex {
        if let Some(frame) = self.zeroed.pop(frames.metas()) {
            return frame;
        }
        let frame = self.plain.pop(frames.metas()).expect("the stash was counted before");
        raw::clear(memory, frames.frame(frame));
        frame
    }
}

/// Stores an entry so that a CPU that follows the entry also sees the stores to the table or frame
/// that it points to.
#[inline]
pub(super) fn publish(slot: &AtomicU64, entry: Entry) {
    // Release: pairs with the page walk of the hardware and with the Acquire in `read`.
    slot.store(entry.raw(), Ordering::Release);
}

#[inline]
pub(super) fn read(slot: &AtomicU64) -> Entry {
    // Acquire: pairs with the Release in `publish`, so a new table is seen zeroed.
    Entry::from_raw(slot.load(Ordering::Acquire))
}

/// Returns the word of the entry for `page` in `table`, a table of `level`.
#[inline]
pub(super) fn word<P: PhysicalMemory>(
    memory: &P,
    table: Frame,
    page: Page,
    level: u8,
) -> &AtomicU64 {
    &raw::words(memory, table)[index(page, level)]
}

impl Tables {
    /// Creates the manager of the tables of `window` below `root`. No table of the window exists
    /// yet.
    pub(crate) fn new(root: Frame, window: PageRange, records: Records) -> Self {
        Self { root, window, records, made: Mutex::new(Made::default()) }
    }

    /// Returns the numbers of existing tables.
    pub(crate) fn made(&self) -> TableCount {
        let made = self.made.lock();
        TableCount { cached: made.cached.count() as u64, ..made.count }
    }

    /// Returns the level-4 table.
    pub(crate) fn root(&self) -> Frame {
        self.root
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Made> {
        self.made.lock()
    }

    /// Returns the range of level-4 entries that cover the window. Each gets one level-3 table.
    pub(crate) fn upper_entries(window: PageRange) -> Range<usize> {
        let last = Page::containing_address(window.end() - 1u64);
        index(window.start(), 4)..index(last, 4) + 1
    }

    /// Creates the level-3 tables. They are never freed, so the level-4 table does not change after
    /// set-up.
    ///
    /// # Errors
    ///
    /// If a level-4 entry of the window is in use, returns the first address below that entry. The
    /// caller must then return the frames of `stash`.
    pub(crate) fn make_upper<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        stash: &mut Stash,
    ) -> Result<(), VirtAddr> {
        let root = raw::words(memory, self.root);
        let entries = Self::upper_entries(self.window);
        if let Some(taken) = entries.clone().find(|at| read(&root[*at]) != Entry::ABSENT) {
            return Err(VirtAddr::new_truncate((taken as u64) << 39));
        }
        let mut made = self.made.lock();
        for at in entries {
            let table = stash.pop(memory, frames);
            frames.meta(table).set_state(FrameState::Table);
            made.count.tables += 1;
            publish(&root[at], Entry::table(frames.frame(table)));
        }
        Ok(())
    }

    /// Returns the level-3 table over a page.
    pub(super) fn upper<P: PhysicalMemory>(&self, memory: &P, page: Page) -> Frame {
        let entry = read(word(memory, self.root, page, 4));
        assert!(entry.is_present(), "the upper tables of the window are made at set-up");
        entry.frame()
    }

    /// Returns the level-2 table over a page, if it is linked.
    pub(super) fn middle<P: PhysicalMemory>(&self, memory: &P, page: Page) -> Option<Frame> {
        let entry = read(word(memory, self.upper(memory, page), page, 3));
        entry.is_present().then(|| entry.frame())
    }

    /// Returns the record of the place of a page: see [`Records::find`].
    #[inline(always)]
    pub(super) fn record<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        page: Page,
    ) -> Option<&'m TableRecord> {
        self.records.find(memory, frames, page)
    }

    /// Returns the record of the place of a page: see [`Records::find_any`].
    pub(super) fn record_any<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        page: Page,
    ) -> Option<&'m TableRecord> {
        self.records.find_any(memory, frames, self.records.place(page))
    }

    /// Returns whether no leaf table and no large leaf is over a page, and no CPU caches a leaf table
    /// there. The caller holds the lock of the tables.
    pub(super) fn is_vacant<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        page: Page,
    ) -> bool {
        let record = self.record_any(memory, frames, page);
        record.is_none_or(|record| record.state() == PlaceState::Vacant)
    }

    /// Returns the word of the level-2 entry over a page. The caller owns pages below it, or has
    /// reserved its table.
    pub(super) fn level_2<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        page: Page,
    ) -> &'m AtomicU64 {
        let middle = self.middle(memory, page).expect("it has entries of the caller");
        word(memory, middle, page, 2)
    }
}
