//! Leaf tables kept by their counts, without the lock.

use super::span::Span;
use super::tables::{Tables, place};
use super::{lookup, reclaim};
use crate::frame::buddy::Buddy;
use crate::frame::meta::FrameMeta;
use crate::frame::{FrameIndex, Owners};
use crate::machine::{Cpus, PhysicalMemory};
use crate::page::{Page, PageRange};

/// The leaf table over a range that has only one, kept by its count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinned {
    pub(super) table: FrameIndex,
    /// The owner of its pages. An index that is made while the table is pinned starts with the slot
    /// that owned the whole table, so the pinned pages need no entry in it.
    pub(super) owners: Owners,
}

/// Why the table that was noted is not pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotPinned {
    /// Its count is as it was.
    Never,
    /// Its count was raised, and must be lowered: see [`unpin`](Tables::unpin).
    Moved,
}

impl Pinned {
    /// The table, to be noted with the region.
    #[inline]
    pub(crate) fn leaf(self) -> FrameIndex {
        self.table
    }
}

impl Tables {
    /// Raises the count of the only leaf table over a range without the lock, if the table exists
    /// and needs no index.
    #[inline(never)]
    pub(crate) fn pin<M: PhysicalMemory + Cpus>(
        &self,
        machine: &M,
        frames: &Buddy,
        range: PageRange,
        slot: u32,
    ) -> Option<Pinned> {
        let span = Span::only(range)?;
        // A table that is unlinked while it is walked is not freed before this CPU has answered
        // for it, and here it cannot be interrupted to do so.
        let pinned = machine.without_interrupts(|| {
            let table = frames.index(lookup::leaf_table(self, machine, span.page)?)?;
            pin_table(frames.meta(table), table, &span, slot)
        })?;
        self.keep(machine, frames, frames.meta(pinned.table), pinned, &span)
    }

    /// As [`pin`](Self::pin), of the table that is noted where the range had one: it need not be
    /// there any more.
    ///
    /// The frame is asked first whether it is a table with a count. From then on it stays one: a
    /// table is freed by a shootdown that was begun after its count fell to 0, and this CPU does
    /// not answer before the end of the work. A table's place is noted before its count rises for
    /// the first time, and changes only where a full table moves whole. One that has moved has
    /// another place, and one that is full cannot be pinned.
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

    /// Pins a noted table, as [`pin_noted`](Self::pin_noted) does, but returns the reason if the
    /// note is wrong.
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

    /// Keeps a table that was pinned, if it still is what it was before.
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

    /// Lowers the count of a table that was pinned by mistake.
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

/// Raises the count of a leaf table over a span that has one, if a slot can have pages in it.
#[inline(always)]
fn pin_table(meta: &FrameMeta, table: FrameIndex, span: &Span, slot: u32) -> Option<Pinned> {
    let word = meta.pinnable(place(span.page, 2), span.count)?;
    let owners = meta.owners();
    let fits = matches!(owners, Owners::Index(_)) || owners == Owners::Sole(slot);
    (fits && meta.pin(word, span.count)).then_some(Pinned { table, owners })
}

/// Whether a table that was pinned still is what it was before. While it was looked at, its count
/// may have fallen to 0 and risen again: then it may be another region's, or elsewhere. From now on
/// it cannot become so.
#[inline(always)]
fn is_kept(meta: &FrameMeta, pinned: Pinned, page: Page) -> bool {
    let is_indexed = matches!(pinned.owners, Owners::Index(_));
    // An index stays as long as its table.
    let is_same = is_indexed || meta.owners() == pinned.owners;
    is_same && meta.place() == place(page, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PAGE_BYTES;
    use crate::sim;
    use crate::sim::SimMachine;

    /// While a table was looked at it may have become another region's, or have moved away.
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
