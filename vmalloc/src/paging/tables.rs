//! The tables themselves: made, linked, counted.

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

/// The page tables of the window, below a level-4 table that belongs to the kernel.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(super) root: Frame,
    pub(super) window: PageRange,
    made: Mutex<Made>,
}

/// The data under the lock: which tables exist.
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

/// How many frames the tables take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TableCount {
    pub(crate) tables: u64,
    pub(crate) indexes: u64,
    pub(crate) cached: u64,
}

impl TableCount {
    /// All frames.
    pub(crate) fn frames(self) -> u64 {
        self.tables + self.indexes
    }
}

/// Frames for tables, in hand before the first table is made.
#[derive(Debug)]
#[must_use = "dropping a stash loses its frames"]
pub(crate) struct Stash {
    /// Contents undefined.
    pub(crate) plain: FrameChain,
    /// All zero.
    pub(crate) zeroed: FrameChain,
}

impl Stash {
    pub(crate) const fn new() -> Self {
        Self { plain: FrameChain::new(), zeroed: FrameChain::new() }
    }

    pub(crate) fn count(&self) -> u64 {
        self.plain.count() + self.zeroed.count()
    }

    /// Takes a frame and clears it if it needs that.
    fn pop<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy) -> FrameIndex {
        if let Some(frame) = self.zeroed.pop(frames.metas()) {
            return frame;
        }
        let frame = self.plain.pop(frames.metas()).expect("the stash was counted before");
        raw::clear(memory, frames.frame(frame));
        frame
    }
}

/// Stores an entry so that a CPU that follows it sees the table or frame behind it.
#[inline]
pub(super) fn publish(slot: &AtomicU64, entry: Entry) {
    // Release: its partner is the hardware walk, and the Acquire in `read`.
    slot.store(entry.raw(), Ordering::Release);
}

#[inline]
pub(super) fn read(slot: &AtomicU64) -> Entry {
    // Acquire: pairs with `publish`, so a table is seen zeroed.
    Entry::from_raw(slot.load(Ordering::Acquire))
}

#[inline]
pub(super) fn meta(frames: &Buddy, table: Frame) -> &FrameMeta {
    frames.meta(frames.index(table).expect("tables are managed frames"))
}

impl Tables {
    /// Manages the tables of `window` below `root`; no table exists yet.
    pub(crate) fn new(root: Frame, window: PageRange) -> Self {
        Self { root, window, made: Mutex::new(Made::default()) }
    }

    /// How many frames the tables take now.
    pub(crate) fn made(&self) -> TableCount {
        let made = self.made.lock();
        TableCount {
            tables: made.tables,
            indexes: made.indexes,
            cached: made.cached.count() as u64,
        }
    }

    /// The level-4 table.
    pub(crate) fn root(&self) -> Frame {
        self.root
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Made> {
        self.made.lock()
    }

    /// The level-4 entries that the window covers: one level-3 table each.
    pub(crate) fn upper_entries(window: PageRange) -> Range<usize> {
        let last = Page::containing_address(window.end() - 1u64);
        index(window.start(), 4)..index(last, 4) + 1
    }

    /// Makes the level-3 tables, once. They stay, so no CPU ever needs to learn of a new one.
    ///
    /// # Errors
    ///
    /// An address below the first level-4 entry that is taken; `stash` then goes back.
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

    /// The level-3 table over a page.
    pub(super) fn upper<P: PhysicalMemory>(&self, memory: &P, page: Page) -> Frame {
        let entry = read(&raw::words(memory, self.root)[index(page, 4)]);
        assert!(entry.is_present(), "the upper tables of the window are made at set-up");
        entry.frame()
    }

    /// Frames that must be in hand before [`reserve`](Self::reserve) can succeed, as things stand.
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
                // A new level-2 table serves all spans below the same level-3 entry.
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

    /// Makes every table over `range` out of `stash` and raises the counts. If the stash is too
    /// short, returns the number of frames that it must hold, without an effect.
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

/// Which entry of all those of its level is the one over a page.
#[expect(clippy::cast_possible_truncation, reason = "27 bits of 48 - 21")]
pub(crate) fn place(page: Page, level: u8) -> u32 {
    (page.start_address().as_u64() << 16 >> 16 >> (3 + 9 * u32::from(level))) as u32
}

/// The entry over a page in a table of a level.
pub(super) fn made_entry<P: PhysicalMemory>(
    memory: &P,
    table: Frame,
    page: Page,
    level: u8,
) -> Entry {
    read(&raw::words(memory, table)[index(page, level)])
}

/// The table that an entry points to, linked or on its way out.
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

/// Whether a leaf table must get an index before this slot can have pages in it.
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
        // Zeroed before any entry points to it: a walk must never see an old byte.
        let table = stash.pop(memory, frames);
        frames.meta(table).set_state(state);
        match state {
            FrameState::Index => self.indexes += 1,
            _ => self.tables += 1,
        }
        table
    }

    /// The table below an entry: the linked one, an unlinked one that is linked again, or a new
    /// one.
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
            // The table was never freed: linking the same frame again is safe.
            publish(slot, Entry::table(entry.frame()));
            return entry.frame();
        }
        let table = self.make(memory, frames, stash, FrameState::Table);
        frames.meta(table).set_place(place(span.page, level));
        frames.meta(table).set_owners(Owners::Sole(0));
        publish(slot, Entry::table(frames.frame(table)));
        frames.frame(table)
    }

    /// Lets a slot have pages in a leaf table, with an index if it is not the only one.
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
