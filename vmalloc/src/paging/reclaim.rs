//! Lowers the counts of tables, and caches or frees tables that become empty.
//!
//! A table is freed in three steps. First its entry is made not present: the table is unlinked.
//! Then a shootdown makes every CPU, halted ones too, drop the table from its paging-structure
//! caches. Then the table is freed, unless an allocation has linked it again in between, which is
//! safe because the entry points to the same frame as before.

use core::sync::atomic::Ordering;

use super::entry::Entry;
use super::idle::{END, Unlinked};
use super::record::{Owners, PlaceState, TableRecord};
use super::span::{Span, spans};
use super::tables::{Made, Tables, publish, read, word};
use crate::frame::buddy::Buddy;
use crate::frame::{FrameChain, FrameIndex, FrameState};
use crate::machine::PhysicalMemory;
use crate::page::{Page, PageRange};
use crate::sync::MutexGuard;
use crate::tlb::Flushed;

/// Frames of freed tables. No CPU has a cached reference to them.
#[derive(Debug)]
#[must_use = "dropping freed tables loses their frames"]
pub(crate) struct FreedTables {
    /// Frames of tables, which contain only zeros.
    pub(crate) tables: FrameChain,
    /// Frames of indexes and records.
    pub(crate) others: FrameChain,
}

/// The lock of the tables, held while counts are lowered.
pub(crate) struct Detaching<'t> {
    tables: &'t Tables,
    made: MutexGuard<'t, Made>,
    /// The leaf table that was lowered last. Areas that are freed together often share a leaf
    /// table, so its count is lowered once for all of them.
    last: Lowered,
}

/// A leaf table, or `NONE`, its place, and the number of pages by which its count must still be
/// lowered.
struct Lowered {
    leaf: FrameIndex,
    place: u32,
    pages: u64,
}

impl Lowered {
    const NONE: Self = Self { leaf: FrameIndex::NONE, place: END, pages: 0 };
}

/// Locks the tables, to lower counts.
pub(crate) fn detaching(tables: &Tables) -> Detaching<'_> {
    Detaching { tables, made: tables.lock(), last: Lowered::NONE }
}

/// Returns whether unlinked tables wait for a shootdown.
pub(crate) fn has_unlinked(tables: &Tables) -> bool {
    tables.lock().unlinked.is_any()
}

/// Returns whether unlinked tables wait for the shootdown that the caller is about to begin, and
/// notes that this shootdown covers all tables that are unlinked now.
pub(crate) fn await_unlinked(tables: &Tables) -> bool {
    let mut made = tables.lock();
    made.unlinked.is_late = false;
    made.unlinked.is_any()
}

/// Frees the tables that were unlinked and have not been linked again. `_flushed` proves that a
/// shootdown has completed since [`await_unlinked`].
///
/// Frees no table if one was unlinked after that, because a CPU may have acknowledged before. Only
/// an [`unpin`](Tables::unpin) does so while another CPU runs a shootdown, and rarely. All unlinked
/// tables wait for the next shootdown then.
pub(crate) fn free_unlinked<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    _flushed: &Flushed,
) -> FreedTables {
    let mut made = tables.lock();
    let made = &mut *made;
    let mut freed = FreedTables { tables: FrameChain::new(), others: FrameChain::new() };
    if made.unlinked.is_late {
        return freed;
    }
    let Unlinked { leaves: mut place, middles, .. } = core::mem::take(&mut made.unlinked);
    while place != END {
        let record = tables.records.find_any(memory, frames, place).expect("it is listed");
        place = record.unlist();
        if record.state() == PlaceState::Unlinked {
            free_leaf(made, frames, record, &mut freed);
        }
    }
    place = middles;
    while place != END {
        let here = place;
        place = tables.records.middle(here).unlist();
        let page = tables.records.page(here);
        let entry_word = word(memory, tables.upper(memory, page), page, 3);
        let entry = read(entry_word);
        if entry.is_unlinked() {
            publish(entry_word, Entry::ABSENT);
            made.count.tables -= 1;
            let table = frames.index(entry.frame()).expect("tables are managed frames");
            freed.push_table(frames, table);
            for part in tables.records.parts_of(here) {
                if let Some(frame) = tables.records.take_part(part) {
                    made.count.records -= 1;
                    freed.push_other(frames, frame);
                }
            }
        }
    }
    freed
}

fn free_leaf(made: &mut Made, frames: &Buddy, record: &TableRecord, freed: &mut FreedTables) {
    made.count.tables -= 1;
    freed.push_table(frames, record.table());
    if let Owners::Index(ids) = record.owners() {
        made.count.indexes -= 1;
        freed.push_other(frames, ids);
    }
    record.clear();
}

impl FreedTables {
    fn push_table(&mut self, frames: &Buddy, frame: FrameIndex) {
        frames.meta(frame).set_state(FrameState::Taken);
        self.tables.push(frames.metas(), frame, 1);
    }

    fn push_other(&mut self, frames: &Buddy, frame: FrameIndex) {
        frames.meta(frame).set_state(FrameState::Taken);
        self.others.push(frames.metas(), frame, 1);
    }
}

impl Detaching<'_> {
    /// Lowers the counts over an unmapped range. Tables that become empty are cached or unlinked.
    /// The count of the last leaf table is lowered later, by [`settle`](Self::settle), because the
    /// next area often uses the same table.
    #[inline(never)]
    pub(crate) fn lower<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
    ) {
        for span in spans(range) {
            self.lower_span(memory, frames, &span);
        }
    }

    /// Lowers the count of one leaf table, as [`lower`](Self::lower) does, for `pages` pages
    /// from `first` whose leaf table is known.
    #[inline]
    pub(crate) fn lower_noted<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        leaf: FrameIndex,
        pages: u64,
        first: impl FnOnce() -> Page,
    ) {
        if self.last.leaf == leaf {
            self.last.pages += pages;
        } else {
            self.begin(memory, frames, leaf, pages, first());
        }
    }

    #[inline(never)]
    fn begin<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        leaf: FrameIndex,
        pages: u64,
        first: Page,
    ) {
        self.settle(memory, frames);
        self.last = Lowered { leaf, place: self.tables.records.place(first), pages };
    }

    /// Lowers the count over a span, as [`lower`](Self::lower) does. The place has no leaf table if
    /// it was moved to other addresses with all its pages, or if a large leaf was there.
    pub(super) fn lower_span<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        span: &Span,
    ) {
        let record = self.tables.record(memory, frames, span.page);
        if let Some(record) = record.filter(|record| record.state() == PlaceState::Linked) {
            self.lower_noted(memory, frames, record.table(), span.count as u64, || span.page);
            return;
        }
        let place = self.tables.records.place(span.page);
        if self.tables.records.middle(place).used() == 0 {
            self.unlink_middle(memory, place);
        }
    }

    /// Lowers the count of the last leaf table by the collected number of pages.
    #[inline(never)]
    pub(crate) fn settle<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy) {
        let Lowered { place, pages, .. } = core::mem::replace(&mut self.last, Lowered::NONE);
        if pages == 0 {
            return;
        }
        let pages = usize::try_from(pages).expect("a table counts at most 512");
        let page = self.tables.records.page(place);
        let record = self.tables.record(memory, frames, page).expect("kept by its count");
        if record.sub_count(pages) == 0
            && let Some(oldest) = self.made.cached.put(place)
        {
            self.unlink_leaf(memory, frames, oldest);
        }
    }

    /// Unlinks all cached leaf tables.
    pub(crate) fn unlink_cached<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy) {
        while let Some(place) = self.made.cached.take() {
            self.unlink_leaf(memory, frames, place);
        }
    }

    fn unlink_leaf<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy, place: u32) {
        let page = self.tables.records.page(place);
        let record = self.tables.record(memory, frames, page).expect("a cached table is linked");
        self.tables.level_2(memory, page).store(Entry::ABSENT.raw(), Ordering::Release);
        record.set_state(PlaceState::Unlinked);
        self.made.unlinked.is_late = true;
        // A table that was unlinked before and linked again may still be on the list.
        if record.list(self.made.unlinked.leaves) {
            self.made.unlinked.leaves = place;
        }
        if self.tables.records.middle(place).sub() == 0 {
            self.unlink_middle(memory, place);
        }
    }

    /// Unlinks the level-2 table over a place, if it is linked, and hides its records. It has no
    /// entries.
    fn unlink_middle<P: PhysicalMemory>(&mut self, memory: &P, place: u32) {
        let page = self.tables.records.page(place);
        let entry_word = word(memory, self.tables.upper(memory, page), page, 3);
        let entry = read(entry_word);
        if !entry.is_present() {
            return;
        }
        publish(entry_word, Entry::unlinked(entry.frame()));
        self.made.unlinked.is_late = true;
        self.tables.records.hide(place, true);
        if self.tables.records.middle(place).list(self.made.unlinked.middles) {
            self.made.unlinked.middles = place;
        }
    }
}
