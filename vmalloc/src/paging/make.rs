//! Creates and links tables, and raises their counts.

use core::sync::atomic::Ordering;

use super::entry::Entry;
use super::record::{Owners, PlaceState, TableRecord};
use super::records::{GIB_PARTS, GIB_PLACES};
use super::span::{Span, spans};
use super::tables::{Made, Stash, Tables, publish, read, word};
use crate::frame::buddy::Buddy;
use crate::frame::{FrameIndex, FrameState};
use crate::machine::PhysicalMemory;
use crate::page::PageRange;
use crate::raw;

/// The tables, the lock that protects them, and the frames for new ones.
pub(super) struct Maker<'t, P> {
    pub(super) tables: &'t Tables,
    pub(super) memory: &'t P,
    pub(super) frames: &'t Buddy,
    pub(super) made: &'t mut Made,
    pub(super) stash: &'t mut Stash,
}

impl Tables {
    /// Returns the number of frames that the tables over `range` need, with the tables as they are
    /// now. Spans for which `has_leaf` returns false get no leaf table. The caller holds the lock
    /// of the tables.
    pub(super) fn missing<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        slot: u32,
        mut has_leaf: impl FnMut(&Span) -> bool,
    ) -> u64 {
        let mut missing = 0;
        let mut seen = None;
        for span in spans(range) {
            let place = self.records.place(span.page);
            // A new level-2 table and its frames of records serve all spans in the same GiB.
            let gib = Some(place / GIB_PLACES);
            let entry = read(word(memory, self.upper(memory, span.page), span.page, 3));
            if seen != gib && entry == Entry::ABSENT {
                missing += 1 + u64::from(GIB_PARTS);
            }
            seen = gib;
            if !has_leaf(&span) {
                continue;
            }
            let record = self.records.find_any(memory, frames, place);
            missing += record.map_or(1, |record| match record.state() {
                PlaceState::Linked | PlaceState::Unlinked => u64::from(needs_index(record, slot)),
                PlaceState::Vacant | PlaceState::Large => 1,
            });
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
        let mut made = self.lock();
        let missing = self.missing(memory, frames, range, slot, |_| true);
        if missing > stash.count() {
            return Err(missing);
        }
        let mut maker = Maker { tables: self, memory, frames, made: &mut made, stash };
        for span in spans(range) {
            maker.count(&span, slot);
        }
        Ok(())
    }
}

/// Returns whether a leaf table needs a new index before `slot` can have pages in it: if all its
/// pages belong to one other slot.
fn needs_index(leaf: &TableRecord, slot: u32) -> bool {
    matches!(leaf.owners(), Owners::Sole(other) if other != slot) && leaf.count() > 0
}

impl<'t, P: PhysicalMemory> Maker<'t, P> {
    /// Takes a frame of zeros for a table, an index or records.
    pub(super) fn make(&mut self, state: FrameState) -> FrameIndex {
        // The frame contains zeros before any entry points to it, so a walk never reads old bytes
        // as an entry.
        let frame = self.stash.pop(self.memory, self.frames);
        self.frames.meta(frame).set_state(state);
        let count = &mut self.made.count;
        match state {
            FrameState::Index => count.indexes += 1,
            FrameState::Records => count.records += 1,
            _ => count.tables += 1,
        }
        frame
    }

    /// Links a leaf table over a span, allows `slot` to have pages in it, and raises its count by
    /// the pages of the span.
    pub(super) fn count(&mut self, span: &Span, slot: u32) {
        self.middle(span);
        let record = self.record(span);
        self.leaf(span, record);
        self.join(span, record, slot);
        record.add_count(span.count);
    }

    /// Links the level-2 table over a span: an unlinked one again, or a new one with its frames of
    /// records if there is none.
    pub(super) fn middle(&mut self, span: &Span) {
        let place = self.tables.records.place(span.page);
        let upper = self.tables.upper(self.memory, span.page);
        let entry_word = word(self.memory, upper, span.page, 3);
        let entry = read(entry_word);
        if entry.is_present() {
            return;
        }
        if entry.is_unlinked() {
            // An unlinked table was not freed, so CPUs that still cache the old entry use the same
            // frame.
            publish(entry_word, Entry::table(entry.frame()));
            self.tables.records.hide(place, false);
            return;
        }
        for part in self.tables.records.parts_of(place) {
            let frame = self.make(FrameState::Records);
            self.tables.records.set_part(part, frame);
        }
        let table = self.make(FrameState::Table);
        publish(entry_word, Entry::table(self.frames.frame(table)));
    }

    /// Returns the record of the place of a span. Its level-2 table is linked.
    pub(super) fn record(&self, span: &Span) -> &'t TableRecord {
        let record = self.tables.record(self.memory, self.frames, span.page);
        record.expect("records are made with the level-2 table")
    }

    /// Links the leaf table over a span, as [`middle`](Self::middle) does.
    fn leaf(&mut self, span: &Span, record: &TableRecord) {
        let state = record.state();
        if state == PlaceState::Linked {
            return;
        }
        assert_ne!(state, PlaceState::Large, "a large leaf is in the way of a table");
        if state == PlaceState::Vacant {
            record.set_table(self.make(FrameState::Table));
            record.set_owners(Owners::Sole(0));
        }
        let entry = Entry::table(self.frames.frame(record.table()));
        publish(self.tables.level_2(self.memory, span.page), entry);
        self.tables.records.middle(self.tables.records.place(span.page)).add();
        record.set_state(PlaceState::Linked);
    }

    /// Allows `slot` to have pages in a leaf table. Creates an index if another slot owns the whole
    /// table.
    fn join(&mut self, span: &Span, record: &TableRecord, slot: u32) {
        if record.count() == 0 {
            self.made.cached.remove(self.tables.records.place(span.page));
            if matches!(record.owners(), Owners::Sole(_)) {
                record.set_owners(Owners::Sole(slot));
            }
            return;
        }
        let Owners::Sole(other) = record.owners() else { return };
        if other != slot {
            let ids = self.make(FrameState::Index);
            for number in raw::numbers(self.memory, self.frames.frame(ids)) {
                number.store(other, Ordering::Relaxed);
            }
            record.set_owners(Owners::Index(ids));
        }
    }
}
