//! Pins leaf tables without the lock of the tables: raises the count of a table, so that the table
//! is not freed.

use super::span::Span;
use super::tables::{Tables, place};
use super::{lookup, reclaim};
use crate::frame::buddy::Buddy;
use crate::frame::meta::FrameMeta;
use crate::frame::{FrameIndex, Owners};
use crate::machine::{Cpus, PhysicalMemory};
use crate::page::{Page, PageRange};

/// The only leaf table over a range, whose count was raised by the pages of the range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinned {
    pub(super) table: FrameIndex,
    /// The owners of the pages of the table, read when the table was pinned. If the table gets an
    /// index later, the index starts with the slot that owned the whole table, so the pinned pages
    /// need no store in it.
    pub(super) owners: Owners,
}

/// The reason why a recorded table could not be pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotPinned {
    /// The count of the table is unchanged.
    Never,
    /// The count was raised, but the table has moved or has another owner. The caller must lower
    /// the count: see [`unpin`](Tables::unpin).
    Moved,
}

impl Pinned {
    /// Returns the table, to be recorded in the slot of the region.
    #[inline]
    pub(crate) fn leaf(self) -> FrameIndex {
        self.table
    }
}

impl Tables {
    /// Raises the count of the leaf table over a range without the lock. Returns `None` if the
    /// range needs more than one table, or if the table does not exist, has no pages, or would need
    /// an index.
    #[inline(never)]
    pub(crate) fn pin<M: PhysicalMemory + Cpus>(
        &self,
        machine: &M,
        frames: &Buddy,
        range: PageRange,
        slot: u32,
    ) -> Option<Pinned> {
        let span = Span::only(range)?;
        // If the table is unlinked during the walk, it is not freed before this CPU has
        // acknowledged a shootdown. With interrupts off this CPU cannot acknowledge one in between.
        let pinned = machine.without_interrupts(|| {
            let table = frames.index(lookup::leaf_table(self, machine, span.page)?)?;
            pin_table(frames.meta(table), table, &span, slot)
        })?;
        self.keep(machine, frames, frames.meta(pinned.table), pinned, &span)
    }

    /// Pins a table as [`pin`](Self::pin) does, but tries the table `leaf` first, which was
    /// recorded in the slot of the region and may have been freed or moved since.
    ///
    /// The frame record of `leaf` is read first, to check that the frame is a table with a count
    /// above 0. From then on it stays a table: a table is freed only after a shootdown that began
    /// when its count was already 0, and this CPU acknowledges no shootdown during this call. The
    /// place of a table is stored in its record before its count rises for the first time. The
    /// place changes only when a full table is moved with all its pages. So a table that has moved
    /// has another place, and a full table cannot be pinned.
    #[inline(always)]
    pub(crate) fn pin_noted<M: PhysicalMemory + Cpus>(
        &self,
        machine: &M,
        frames: &Buddy,
        leaf: FrameIndex,
        range: PageRange,
        slot: u32,
    ) -> Option<Pinned> {
        let span = Span::only(range)?;
        let pinned = frames.metas().get(leaf.at()).and_then(|meta| {
            let pinned = machine.without_interrupts(|| pin_table(meta, leaf, &span, slot))?;
            self.keep(machine, frames, meta, pinned, &span)
        });
        match pinned {
            Some(pinned) => Some(pinned),
            None => self.pin(machine, frames, range, slot),
        }
    }

    /// Pins a recorded table, as [`pin_noted`](Self::pin_noted) does, but returns the reason if the
    /// table is no longer the one over `span`.
    #[inline(always)]
    pub(crate) fn pin_span<C: Cpus>(
        &self,
        cpus: &C,
        frames: &Buddy,
        leaf: FrameIndex,
        span: &Span,
        slot: u32,
    ) -> Result<Pinned, NotPinned> {
        let meta = frames.metas().get(leaf.at()).ok_or(NotPinned::Never)?;
        let pinned = cpus.without_interrupts(|| pin_table(meta, leaf, span, slot));
        let pinned = pinned.ok_or(NotPinned::Never)?;
        if is_kept(meta, pinned, span.page) { Ok(pinned) } else { Err(NotPinned::Moved) }
    }

    /// Returns `pinned` if the table is unchanged since its record was read. Otherwise lowers the
    /// count again and returns `None`.
    #[inline(always)]
    fn keep<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        meta: &FrameMeta,
        pinned: Pinned,
        span: &Span,
    ) -> Option<Pinned> {
        if is_kept(meta, pinned, span.page) {
            return Some(pinned);
        }
        self.unpin(memory, frames, pinned.table, span.count as u64);
        None
    }

    /// Lowers the count of a table that turned out to be the wrong one after its count was raised.
    #[cold]
    #[inline(never)]
    pub(crate) fn unpin<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        table: FrameIndex,
        count: u64,
    ) {
        let mut detaching = reclaim::detaching(self);
        detaching.lower_noted(memory, frames, table, count);
        detaching.settle(memory, frames);
    }
}

/// Raises the count of a leaf table by the pages of `span`. Returns `None` if the table is not in
/// use over this span, or if `slot` cannot have pages in it without a new index.
#[inline(always)]
fn pin_table(meta: &FrameMeta, table: FrameIndex, span: &Span, slot: u32) -> Option<Pinned> {
    let word = meta.pinnable(place(span.page, 2), span.count)?;
    let owners = meta.owners();
    let fits = matches!(owners, Owners::Index(_)) || owners == Owners::Sole(slot);
    (fits && meta.pin(word, span.count)).then_some(Pinned { table, owners })
}

/// Returns whether a pinned table is still the same as when its record was read. Between the read
/// and the pin its count may have fallen to 0 and risen again: then the table may have another
/// owner or another place. After the pin neither can change.
#[inline(always)]
fn is_kept(meta: &FrameMeta, pinned: Pinned, page: Page) -> bool {
    let is_indexed = matches!(pinned.owners, Owners::Index(_));
    // An index stays as long as its table, so its owners need no comparison.
    let is_same = is_indexed || meta.owners() == pinned.owners;
    is_same && meta.place() == place(page, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PAGE_BYTES;
    use crate::sim;
    use crate::sim::SimMachine;

    /// A table may get another owner or another place between the read of its record and the pin.
    #[test]
    fn a_table_is_kept_only_if_it_is_what_it_was() {
        let vm = SimMachine::new(256, 1).set_up(sim::window(2_000), 0, 0).unwrap();
        let region = vm.vmalloc(3 * PAGE_BYTES).unwrap();
        let page = region.range().start();
        let table = vm.core.only_leaf(region.range());
        let meta = vm.core.frames.buddy.meta(table);
        let pinned = |owners| Pinned { table, owners };
        let (owners, there) = (meta.owners(), meta.place());
        assert!(is_kept(meta, pinned(owners), page));
        assert!(!is_kept(meta, pinned(Owners::Sole(77)), page), "another region's");
        assert!(is_kept(meta, pinned(Owners::Index(table)), page), "an index stays");
        meta.set_place(there + 1);
        assert!(!is_kept(meta, pinned(owners), page), "moved");
        assert!(!is_kept(meta, pinned(Owners::Index(table)), page), "moved");
        meta.set_place(there);
        assert!(vm.check().is_sound());
    }
}
