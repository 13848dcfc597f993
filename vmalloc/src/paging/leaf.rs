//! Stores, clears, moves and changes the entries of a range that the caller owns.
//!
//! These functions take no lock. The caller owns the range, and has raised the counts of its
//! tables, so no table can be freed.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::entry::Entry;
use super::pin::Pinned;
use super::record::{Owners, TableRecord};
use super::span::{Span, spans};
use super::tables::{Tables, publish, read};
use crate::frame::buddy::Buddy;
use crate::frame::{FrameChain, FrameIndex, LazyFrames, along};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, PageRange};
use crate::raw;

/// The longest chain of frames that is followed link by link. For longer ones it is faster to look
/// for runs of adjacent frames.
const LINKS_MAX: usize = 16;

/// The entries of a span in one leaf table, with the same part of the index if the table has one.
struct Leaf<'m> {
    entries: &'m [AtomicU64],
    ids: Option<&'m [AtomicU32]>,
}

/// The rights and the owner of pages that are being mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    /// The flags that [`Entry::rights`] returned.
    pub(crate) rights: u64,
    pub(crate) slot: u32,
}

impl Tables {
    fn part<'m, P: PhysicalMemory>(&self, memory: &'m P, frames: &Buddy, span: &Span) -> Leaf<'m> {
        let record = self.record_of(memory, frames, span);
        let pinned = Pinned { table: record.table(), owners: record.owners() };
        Leaf::new(memory, frames, span, pinned)
    }

    #[inline]
    fn record_of<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        span: &Span,
    ) -> &'m TableRecord {
        self.record(memory, frames, span.page).expect("a range with an owner has its tables")
    }

    /// Returns the entries of a span, without the index.
    #[inline(always)]
    fn entries<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        span: &Span,
    ) -> &'m [AtomicU64] {
        let table = self.record_of(memory, frames, span).table();
        &raw::words(memory, frames.frame(table))[span.places()]
    }

    /// Stores the entries of a reserved range, with one frame of `chain` for each page, and records
    /// `mapping.slot` in the index. If one leaf table covers the range and is known, `first` is
    /// that table.
    #[inline]
    pub(crate) fn commit<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        first: Option<Pinned>,
        chain: &mut FrameChain,
        mapping: Mapping,
    ) {
        match first.zip(Span::only(range)) {
            Some((pinned, span)) => {
                Leaf::new(memory, frames, &span, pinned).fill(frames, chain, mapping);
            }
            None => self.commit_parts(memory, frames, range, chain, mapping),
        }
    }

    #[inline(never)]
    fn commit_parts<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        chain: &mut FrameChain,
        mapping: Mapping,
    ) {
        for span in spans(range) {
            self.part(memory, frames, &span).fill(frames, chain, mapping);
        }
    }

    /// Stores entries as [`commit`](Self::commit) does, for a slot that had exactly these pages
    /// when it was last mapped. The frames are a chain that starts at `first`.
    #[inline(always)]
    pub(crate) fn commit_again<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        span: &Span,
        pinned: Pinned,
        first: FrameIndex,
        Mapping { rights, slot }: Mapping,
    ) {
        let leaf = Leaf::new(memory, frames, span, pinned);
        // An index lives as long as its table, and no other region has had these pages since. If
        // the index names this slot at the first page, it also names this slot at the other pages.
        if leaf.ids.is_some_and(|ids| ids[0].load(Ordering::Relaxed) != slot) {
            leaf.own(slot);
        }
        let lowest = Entry::leaf(frames.frame(FrameIndex(0)), rights);
        if let [place] = leaf.entries {
            return publish(place, lowest.further(u64::from(first.0)));
        }
        let metas = frames.metas();
        if leaf.entries.len() > LINKS_MAX {
            along(metas, first, leaf.entries, |place, frame| {
                publish(place, lowest.further(frame as u64));
            });
            return;
        }
        let mut here = first;
        for place in leaf.entries {
            publish(place, lowest.further(u64::from(here.0)));
            here = metas[here.at()].next();
        }
    }

    /// Clears entries as [`wipe`](Self::wipe) does, for a range whose only leaf table is known.
    #[inline(always)]
    pub(crate) fn wipe_noted<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        span: &Span,
        leaf: FrameIndex,
    ) {
        wipe(&raw::words(memory, frames.frame(leaf))[span.places()]);
    }

    /// Stores entries for frames that belong to the caller of `vmap`.
    pub(crate) fn commit_foreign<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        foreign: &[Frame],
        mapping: Mapping,
    ) {
        let mut foreign = foreign.iter();
        for span in spans(range) {
            let leaf = self.part(memory, frames, &span);
            leaf.own(mapping.slot);
            for (slot, frame) in leaf.entries.iter().zip(&mut foreign) {
                publish(slot, Entry::leaf(*frame, mapping.rights));
            }
        }
    }

    /// Clears the entries of a range and returns their frames.
    #[inline]
    pub(crate) fn clear<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
    ) -> LazyFrames {
        let mut lazy = LazyFrames::new();
        match Span::only(range) {
            Some(span) => take_out(self.entries(memory, frames, &span), frames, &mut lazy),
            None => self.clear_parts(memory, frames, range, &mut lazy),
        }
        lazy
    }

    #[inline(never)]
    fn clear_parts<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        lazy: &mut LazyFrames,
    ) {
        for span in spans(range) {
            take_out(self.entries(memory, frames, &span), frames, lazy);
        }
    }

    /// Clears the entries of a range without reading them, because the caller knows the frames.
    pub(crate) fn wipe<P: PhysicalMemory>(&self, memory: &P, frames: &Buddy, range: PageRange) {
        for span in spans(range) {
            wipe(self.entries(memory, frames, &span));
        }
    }

    /// Gives all leaves of a range other rights.
    pub(crate) fn protect<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        rights: u64,
    ) {
        for span in spans(range) {
            for slot in self.entries(memory, frames, &span) {
                // An accessed or dirty bit that the hardware sets in between is lost. No code reads
                // these bits.
                publish(slot, read(slot).with_rights(rights));
            }
        }
    }

    /// Returns the entries of a span that the caller owns.
    pub(super) fn entries_of<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        span: &Span,
    ) -> &'m [AtomicU64] {
        self.entries(memory, frames, span)
    }

    /// Records `slot` as the owner of a reserved span and returns the entries of the span.
    pub(super) fn places<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        span: &Span,
        slot: u32,
    ) -> &'m [AtomicU64] {
        let leaf = self.part(memory, frames, span);
        leaf.own(slot);
        leaf.entries
    }
}

/// Clears entries without reading them.
#[inline(always)]
fn wipe(places: &[AtomicU64]) {
    // Most regions have one page, and for one page a loop costs more time than the store.
    if let [place] = places {
        return place.store(Entry::ABSENT.raw(), Ordering::Relaxed);
    }
    for place in places {
        place.store(Entry::ABSENT.raw(), Ordering::Relaxed);
    }
}

/// Clears entries and adds their frames to `lazy`.
#[inline(always)]
fn take_out(places: &[AtomicU64], frames: &Buddy, lazy: &mut LazyFrames) {
    let mut rest = places;
    while let Some((place, behind)) = rest.split_first() {
        let entry = take(place);
        let frame = frames.index(entry.frame()).filter(|_| entry.has_frame());
        let frame = frame.expect("every page of a region maps a managed frame");
        if behind.is_empty() {
            lazy.push(frames.metas(), frame, 1);
            return;
        }
        let more = take_neighbours(behind, entry);
        lazy.push_run(frames.metas(), frame, 1 + more);
        rest = &behind[more..];
    }
}

#[inline]
fn take(place: &AtomicU64) -> Entry {
    let entry = read(place);
    place.store(Entry::ABSENT.raw(), Ordering::Relaxed);
    entry
}

/// Clears the first of `places` that map the frames directly after that of `before`, and returns
/// their number. Most regions have adjacent frames, so only the first frame of each run needs a
/// look-up of its record.
#[inline]
fn take_neighbours(places: &[AtomicU64], before: Entry) -> usize {
    let mut expected = before;
    for (number, place) in places.iter().enumerate() {
        expected = expected.further(1);
        if !read(place).is_like(expected) {
            return number;
        }
        place.store(Entry::ABSENT.raw(), Ordering::Relaxed);
    }
    places.len()
}

impl<'m> Leaf<'m> {
    #[inline(always)]
    fn new<P: PhysicalMemory>(
        memory: &'m P,
        frames: &Buddy,
        span: &Span,
        Pinned { table, owners }: Pinned,
    ) -> Self {
        let ids = match owners {
            Owners::Sole(_) => None,
            Owners::Index(ids) => Some(&raw::numbers(memory, frames.frame(ids))[span.places()]),
        };
        Self { entries: &raw::words(memory, frames.frame(table))[span.places()], ids }
    }

    /// Records the owner of the pages in the index, if the table has one.
    #[inline]
    fn own(&self, slot: u32) {
        // Relaxed: the Release store of the entry that follows also publishes this number. A reader
        // may see an old number, and checks each number against the range of its slot.
        let Some(ids) = self.ids else { return };
        for id in ids {
            id.store(slot, Ordering::Relaxed);
        }
    }

    /// Records the owner of the pages in the index, and maps one frame of `chain` for each page.
    #[inline(always)]
    fn fill(&self, frames: &Buddy, chain: &mut FrameChain, mapping: Mapping) {
        self.own(mapping.slot);
        let lowest = Entry::leaf(frames.frame(FrameIndex(0)), mapping.rights);
        chain.pop_each(frames.metas(), self.entries, |place, frame| {
            publish(place, lowest.further(frame as u64));
        });
    }
}
