//! Creates and links the page tables, and counts their pages and entries.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::VirtAddr;

use super::entry::Entry;
use super::idle::{Cached, Unlinked};
use super::span::{Span, index, spans};
use crate::frame::buddy::Buddy;
use crate::frame::meta::FrameMeta;
use crate::frame::{FrameChain, FrameIndex, FrameState, Owners};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page, PageRange};
use crate::raw;
use crate::sync::{Mutex, MutexGuard};

/// The page tables of the window. The level-4 table at the root belongs to the kernel.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(super) root: Frame,
    pub(super) window: PageRange,
    made: Mutex<Made>,
}

/// The numbers and lists of existing tables, protected by the lock of the tables.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Tables of levels 3 to 1, including unlinked ones.
    pub(crate) tables: u64,
    /// Indexes beside leaf tables.
    pub(crate) indexes: u64,
    /// Empty leaf tables that are cached for later regions.
    pub(super) cached: Cached,
    /// Unlinked tables.
    pub(super) unlinked: Unlinked,
}

/// The numbers of frames that the tables take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TableCount {
    pub(crate) tables: u64,
    pub(crate) indexes: u64,
    pub(crate) cached: u64,
}

impl TableCount {
    /// Returns the number of frames of all tables and indexes.
    pub(crate) fn frames(self) -> u64 {
        self.tables + self.indexes
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
    fn pop<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy) -> FrameIndex {
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

#[inline]
pub(super) fn meta(frames: &Buddy, table: Frame) -> &FrameMeta {
    frames.meta(frames.index(table).expect("tables are managed frames"))
}

impl Tables {
    /// Creates the manager of the tables of `window` below `root`. No table of the window exists
    /// yet.
    pub(crate) fn new(root: Frame, window: PageRange) -> Self {
        Self { root, window, made: Mutex::new(Made::default()) }
    }

    /// Returns the numbers of existing tables.
    pub(crate) fn made(&self) -> TableCount {
        let made = self.made.lock();
        TableCount {
            tables: made.tables,
            indexes: made.indexes,
            cached: made.cached.count() as u64,
        }
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
            let table = made.make(memory, frames, stash, FrameState::Table);
            publish(&root[at], Entry::table(frames.frame(table)));
        }
        Ok(())
    }

    /// Returns the level-3 table over a page.
    pub(super) fn upper<P: PhysicalMemory>(&self, memory: &P, page: Page) -> Frame {
        let entry = read(&raw::words(memory, self.root)[index(page, 4)]);
        assert!(entry.is_present(), "the upper tables of the window are made at set-up");
        entry.frame()
    }

    /// Returns the number of frames that [`reserve`](Self::reserve) needs, with the tables as they
    /// are now.
    fn missing<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        slot: u32,
    ) -> u64 {
        let mut missing = 0;
        let mut made = None;
        for span in spans(range) {
            let upper = self.upper(memory, span.page);
            let Some(middle) = made_child(memory, upper, span.page, 3) else {
                // A new level-2 table serves all spans in the same GiB.
                let key = span.page.start_address().as_u64() >> 30;
                missing += if made == Some(key) { 1 } else { 2 };
                made = Some(key);
                continue;
            };
            missing += match made_child(memory, middle, span.page, 2) {
                None => 1,
                Some(leaf) => u64::from(needs_index(meta(frames, leaf), slot)),
            };
        }
        missing
    }

    /// Creates every table over `range` that is missing, from frames of `stash`, and raises the
    /// counts. If `stash` has too few frames, returns the number of frames that it must have,
    /// without an effect.
    pub(crate) fn reserve<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        slot: u32,
        stash: &mut Stash,
    ) -> Result<(), u64> {
        let mut made = self.made.lock();
        let missing = self.missing(memory, frames, range, slot);
        if missing > stash.count() {
            return Err(missing);
        }
        for span in spans(range) {
            let upper = self.upper(memory, span.page);
            let middle = made.child(memory, frames, upper, &span, 3, stash);
            let leaf = made.child(memory, frames, middle, &span, 2, stash);
            made.join(memory, frames, leaf, slot, stash);
            meta(frames, leaf).add_count(span.count);
        }
        Ok(())
    }
}

/// Returns the number of the entry for `page` among all entries of `level` in the address space.
#[expect(clippy::cast_possible_truncation, reason = "27 bits of 48 - 21")]
pub(crate) fn place(page: Page, level: u8) -> u32 {
    (page.start_address().as_u64() << 16 >> 16 >> (3 + 9 * u32::from(level))) as u32
}

/// Returns the entry for `page` in `table`, a table of `level`.
pub(super) fn made_entry<P: PhysicalMemory>(
    memory: &P,
    table: Frame,
    page: Page,
    level: u8,
) -> Entry {
    read(&raw::words(memory, table)[index(page, level)])
}

/// Returns the table that an entry points to, whether it is linked or unlinked and not yet freed.
pub(super) fn made_child<P: PhysicalMemory>(
    memory: &P,
    table: Frame,
    page: Page,
    level: u8,
) -> Option<Frame> {
    let entry = made_entry(memory, table, page, level);
    let is_table = (entry.is_present() && !entry.is_large()) || entry.is_unlinked();
    is_table.then(|| entry.frame())
}

/// Returns whether a leaf table needs a new index before `slot` can have pages in it: if all its
/// pages belong to one other slot.
pub(super) fn needs_index(leaf: &FrameMeta, slot: u32) -> bool {
    matches!(leaf.owners(), Owners::Sole(other) if other != slot) && leaf.count() > 0
}

impl Made {
    pub(super) fn make<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        stash: &mut Stash,
        state: FrameState,
    ) -> FrameIndex {
        // The frame contains zeros before any entry points to it, so a walk never reads old bytes
        // as an entry.
        let table = stash.pop(memory, frames);
        frames.meta(table).set_state(state);
        match state {
            FrameState::Index => self.indexes += 1,
            _ => self.tables += 1,
        }
        table
    }

    /// Returns the table below an entry. Links an unlinked table again, or links a new table if
    /// there is none.
    pub(super) fn child<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        parent: Frame,
        span: &Span,
        level: u8,
        stash: &mut Stash,
    ) -> Frame {
        let slot = &raw::words(memory, parent)[index(span.page, level)];
        let entry = read(slot);
        if entry.is_present() {
            return entry.frame();
        }
        meta(frames, parent).add_count(1);
        if entry.is_unlinked() {
            // An unlinked table was not freed, so CPUs that still cache the old entry use the same
            // frame.
            publish(slot, Entry::table(entry.frame()));
            return entry.frame();
        }
        let table = self.make(memory, frames, stash, FrameState::Table);
        frames.meta(table).set_place(place(span.page, level));
        frames.meta(table).set_owners(Owners::Sole(0));
        publish(slot, Entry::table(frames.frame(table)));
        frames.frame(table)
    }

    /// Allows `slot` to have pages in a leaf table. Creates an index if another slot owns the whole
    /// table.
    pub(super) fn join<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        leaf: Frame,
        slot: u32,
        stash: &mut Stash,
    ) {
        let meta = meta(frames, leaf);
        let Owners::Sole(other) = meta.owners() else {
            if meta.count() == 0 {
                self.cached.remove(frames.index(leaf));
            }
            return;
        };
        if meta.count() == 0 {
            self.cached.remove(frames.index(leaf));
            meta.set_owners(Owners::Sole(slot));
        } else if other != slot {
            let ids = self.make(memory, frames, stash, FrameState::Index);
            for number in raw::numbers(memory, frames.frame(ids)) {
                number.store(other, Ordering::Relaxed);
            }
            meta.set_owners(Owners::Index(ids));
        }
    }
}
