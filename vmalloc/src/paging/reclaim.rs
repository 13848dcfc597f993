//! Lowers the counts of tables, and caches or frees tables that become empty.
//!
//! A table is freed in three steps. First its entry is made not present, but keeps the frame: the
//! table is unlinked. Then a shootdown makes every CPU, halted ones too, drop the table from its
//! paging-structure caches. Then the table is freed, unless an allocation has linked it again in
//! between, which is safe because the entry points to the same frame as before.

use x86_64::VirtAddr;

use super::entry::Entry;
use super::idle::Unlinked;
use super::lookup;
use super::span::{Span, index, spans};
use super::tables::{Made, Tables, made_child, meta, publish, read};
use crate::frame::buddy::Buddy;
use crate::frame::{FrameChain, FrameIndex, FrameState, Owners};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page, PageRange};
use crate::raw;
use crate::sync::MutexGuard;
use crate::tlb::Flushed;

/// Frames of freed tables. No CPU has a cached reference to them.
#[derive(Debug)]
#[must_use = "dropping freed tables loses their frames"]
pub(crate) struct FreedTables {
    /// Frames of tables, which contain only zeros.
    pub(crate) tables: FrameChain,
    pub(crate) indexes: FrameChain,
}

/// The lock of the tables, held while counts are lowered.
pub(crate) struct Detaching<'t> {
    tables: &'t Tables,
    made: MutexGuard<'t, Made>,
    /// The leaf table that was lowered last. Areas that are freed together often share a leaf
    /// table, so its count is lowered once for all of them.
    last: Lowered,
}

/// A leaf table, or `NONE`, and the number of pages by which its count must still be lowered.
struct Lowered {
    leaf: FrameIndex,
    pages: u64,
}

impl Lowered {
    const NONE: Self = Self { leaf: FrameIndex::NONE, pages: 0 };
}

/// Locks the tables, to lower counts.
pub(crate) fn detaching(tables: &Tables) -> Detaching<'_> {
    Detaching { tables, made: tables.lock(), last: Lowered::NONE }
}

/// Returns whether unlinked tables wait for a shootdown.
pub(crate) fn has_unlinked(tables: &Tables) -> bool {
    tables.lock().unlinked.is_any()
}

/// Frees the tables that were unlinked and have not been linked again. `_flushed` proves that a
/// shootdown has completed since.
pub(crate) fn free_unlinked<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    _flushed: &Flushed,
) -> FreedTables {
    let mut made = tables.lock();
    let mut freed = FreedTables { tables: FrameChain::new(), indexes: FrameChain::new() };
    let Unlinked { leaves, middles } = core::mem::take(&mut made.unlinked);
    for (mut here, level) in [(leaves, 2), (middles, 3)] {
        while here != FrameIndex::NONE {
            let meta = frames.meta(here);
            let next = meta.next();
            meta.unlist();
            let address = u64::from(meta.place()) << (3 + 9 * u32::from(level));
            let page = Page::containing_address(VirtAddr::new_truncate(address));
            let mut parent = tables.upper(memory, page);
            if level == 2 {
                parent = made_child(memory, parent, page, 3).expect("freed after its children");
            }
            let slot = &raw::words(memory, parent)[index(page, level)];
            if read(slot).is_unlinked() {
                publish(slot, Entry::ABSENT);
                made.tables -= 1;
                if let (2, Owners::Index(ids)) = (level, meta.owners()) {
                    made.indexes -= 1;
                    frames.meta(ids).set_state(FrameState::Taken);
                    freed.indexes.push(frames.metas(), ids, 1);
                }
                meta.set_state(FrameState::Taken);
                freed.tables.push(frames.metas(), here, 1);
            }
            here = next;
        }
    }
    freed
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
            if let Some(leaf) = self.leaf(memory, frames, &span) {
                let leaf = frames.index(leaf).expect("tables are managed frames");
                self.lower_noted(memory, frames, leaf, span.count as u64);
            }
        }
    }

    /// Lowers the count of one leaf table, as [`lower`](Self::lower) does, for pages whose leaf
    /// table is known.
    #[inline]
    pub(crate) fn lower_noted<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        leaf: FrameIndex,
        pages: u64,
    ) {
        if self.last.leaf == leaf {
            self.last.pages += pages;
        } else {
            self.settle(memory, frames);
            self.last = Lowered { leaf, pages };
        }
    }

    /// Lowers the count of the last leaf table by the collected number of pages.
    #[inline(never)]
    pub(crate) fn settle<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy) {
        let (leaf, pages) = (self.last.leaf, core::mem::take(&mut self.last.pages));
        let pages = usize::try_from(pages).expect("a table counts at most 512");
        if pages > 0 && frames.meta(leaf).sub_count(pages) == 0 {
            self.last = Lowered::NONE;
            if let Some(oldest) = self.made.cached.put(leaf) {
                self.unlink_leaf(memory, frames, oldest);
            }
        }
    }

    /// Returns the leaf table of a span, or `None` if it was moved to other addresses with all its
    /// pages.
    fn leaf<P: PhysicalMemory>(
        &mut self,
        memory: &P,
        frames: &Buddy,
        span: &Span,
    ) -> Option<Frame> {
        let upper = self.tables.upper(memory, span.page);
        let middle = lookup::child(memory, upper, span.page, 3)?;
        let leaf = lookup::child(memory, middle, span.page, 2);
        if leaf.is_none() && meta(frames, middle).count() == 0 {
            self.unlink_middle(memory, frames, middle);
        }
        leaf
    }

    /// Unlinks all cached leaf tables.
    pub(crate) fn unlink_cached<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy) {
        while let Some(leaf) = self.made.cached.take() {
            self.unlink_leaf(memory, frames, leaf);
        }
    }

    fn unlink_leaf<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy, leaf: FrameIndex) {
        let address = u64::from(frames.meta(leaf).place()) << 21;
        let page = Page::containing_address(VirtAddr::new_truncate(address));
        let upper = self.tables.upper(memory, page);
        let middle = lookup::child(memory, upper, page, 3).expect("pinned by its count");
        let slot = &raw::words(memory, middle)[index(page, 2)];
        publish(slot, Entry::unlinked(frames.frame(leaf)));
        // A table that was unlinked before and linked again may still be on the list.
        if frames.meta(leaf).list() {
            frames.meta(leaf).set_next(self.made.unlinked.leaves);
            self.made.unlinked.leaves = leaf;
        }
        if meta(frames, middle).sub_count(1) == 0 {
            self.unlink_middle(memory, frames, middle);
        }
    }

    fn unlink_middle<P: PhysicalMemory>(&mut self, memory: &P, frames: &Buddy, middle: Frame) {
        let middle = frames.index(middle).expect("tables are managed frames");
        let address = u64::from(frames.meta(middle).place()) << 30;
        let page = Page::containing_address(VirtAddr::new_truncate(address));
        let upper = self.tables.upper(memory, page);
        publish(&raw::words(memory, upper)[index(page, 3)], Entry::unlinked(frames.frame(middle)));
        meta(frames, upper).sub_count(1);
        if frames.meta(middle).list() {
            frames.meta(middle).set_next(self.made.unlinked.middles);
            self.made.unlinked.middles = middle;
        }
    }
}
