//! Pins leaf tables without the lock of the tables: raises the count of a table, so that the table
//! is not freed.

use super::reclaim;
use super::record::{Owners, TableRecord};
use super::span::Span;
use super::tables::Tables;
use crate::frame::FrameIndex;
use crate::frame::buddy::Buddy;
use crate::machine::{Cpus, PhysicalMemory};

/// The only leaf table over a range, whose count was raised by the pages of the range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinned {
    pub(super) table: FrameIndex,
    /// The owners of the pages of the table, read when the table was pinned. If the table gets an
    /// index later, the index starts with the slot that owned the whole table, so the pinned pages
    /// need no store in it.
    pub(super) owners: Owners,
}

impl Pinned {
    /// Returns the table, to be recorded in the slot of the region.
    #[inline]
    pub(crate) fn leaf(self) -> FrameIndex {
        self.table
    }
}

/// The reason why a table could not be pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotPinned {
    /// The count of the table is unchanged.
    Never,
    /// The count was raised, but the table has another owner. The caller must lower the count: see
    /// [`unpin`](Tables::unpin).
    Owned,
}

impl Tables {
    /// Raises the count of the leaf table over a span without the lock. Returns `None` if the table
    /// does not exist, has no pages, or would need an index. One table covers the span.
    #[inline(always)]
    pub(crate) fn pin<M: PhysicalMemory + Cpus>(
        &self,
        machine: &M,
        frames: &Buddy,
        span: &Span,
        slot: u32,
    ) -> Option<Pinned> {
        match self.try_pin(machine, frames, span, slot) {
            Ok(pinned) => Some(pinned),
            Err(NotPinned::Never) => None,
            Err(NotPinned::Owned) => {
                self.unpin(machine, frames, span);
                None
            }
        }
    }

    /// Pins a table as [`pin`](Self::pin) does, but leaves it to the caller to lower the count of a
    /// table that has another owner.
    ///
    /// The record is found and its count raised with interrupts off: a frame of records and a table
    /// are freed only after a shootdown that began when the count was already 0, and this CPU
    /// acknowledges no shootdown in between.
    #[inline(always)]
    pub(crate) fn try_pin<M: PhysicalMemory + Cpus>(
        &self,
        machine: &M,
        frames: &Buddy,
        span: &Span,
        slot: u32,
    ) -> Result<Pinned, NotPinned> {
        let pinned = machine.without_interrupts(|| {
            let record = self.record(machine, frames, span.page)?;
            Some((record, pin_table(record, span, slot)?))
        });
        let (record, owners) = pinned.ok_or(NotPinned::Never)?;
        // Between the read of the owners and the pin the count may have fallen to 0 and risen
        // again: then the table may have another owner. After the pin the owner cannot change,
        // except that an owner of the whole table gets an index.
        if record.owners() == owners {
            Ok(Pinned { table: record.table(), owners })
        } else {
            Err(NotPinned::Owned)
        }
    }

    /// Lowers the count of a table that turned out to have another owner after its count was
    /// raised.
    #[cold]
    #[inline(never)]
    pub(crate) fn unpin<P: PhysicalMemory>(&self, memory: &P, frames: &Buddy, span: &Span) {
        let mut detaching = reclaim::detaching(self);
        detaching.lower_span(memory, frames, span);
        detaching.settle(memory, frames);
    }
}

/// Raises the count of a leaf table by the pages of `span`, and returns the owners that it had
/// before. Returns `None` if the table is not in use, or if `slot` cannot have pages in it without a
/// new index.
#[inline(always)]
fn pin_table(record: &TableRecord, span: &Span, slot: u32) -> Option<Owners> {
    let word = record.pinnable(span.count)?;
    let owners = record.owners();
    let fits = matches!(owners, Owners::Index(_)) || owners == Owners::Sole(slot);
    (fits && record.pin(word, span.count)).then_some(owners)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PAGE_BYTES;
    use crate::sim;
    use crate::sim::SimMachine;

    #[test]
    fn a_table_of_another_region_is_not_pinned() {
        let vm = SimMachine::new(256, 1).set_up(sim::window(2_000), 0, 0).unwrap();
        let core = &vm.core;
        let (machine, frames) = (&core.machine, &core.frames.buddy);
        let region = vm.vmalloc(3 * PAGE_BYTES).unwrap();
        let span = Span::within_one(region.range());
        let record = core.tables.record(machine, frames, span.page).unwrap();
        let (slot, count) = (region.id().slot(), record.count());
        assert!(core.tables.pin(machine, frames, &span, slot + 1).is_none());
        assert_eq!(record.count(), count);
        let pinned = core.tables.pin(machine, frames, &span, slot).unwrap();
        assert_eq!((pinned.owners, record.count()), (Owners::Sole(slot), count + 3));
        core.tables.unpin(machine, frames, &span);
        assert_eq!(record.count(), count);
        assert!(vm.check().is_sound());
    }
}
