//! Stores, clears, moves and changes the entries of a range that the caller owns.
//!
//! These functions take no lock: the caller owns the range, and its count pins the tables.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::entry::Entry;
use super::lookup;
use super::pin::Pinned;
use super::span::{Span, spans};
use super::tables::{Tables, publish, read};
use crate::frame::buddy::Buddy;
use crate::frame::{FrameChain, FrameIndex, LazyFrames, Owners, along};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, PageRange};
use crate::raw;

/// Links that are quicker followed one by one than as runs.
const LINKS_MAX: usize = 16;

/// One leaf table over a part of a range, with the index beside it if there is one.
struct Leaf<'m> {
    entries: &'m [AtomicU64],
    ids: Option<&'m [AtomicU32]>,
}

/// The rights and the owner of pages that are being mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    /// As [`Entry::rights`] makes them.
    pub(crate) rights: u64,
    pub(crate) slot: u32,
}

impl Tables {
    fn part<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        span: &Span,
        pinned: Option<Pinned>,
    ) -> Leaf<'m> {
        let pinned = pinned.unwrap_or_else(|| {
            let table =
                frames.index(self.leaf_of(memory, span)).expect("tables are managed frames");
            Pinned { table, owners: frames.meta(table).owners() }
        });
        Leaf::new(memory, frames, span, pinned)
    }

    #[inline]
    fn leaf_of<P: PhysicalMemory>(&self, memory: &P, span: &Span) -> Frame {
        lookup::leaf_table(self, memory, span.page).expect("a range with an owner has its tables")
    }

    /// The entries alone.
    #[inline]
    fn entries<'m, P: PhysicalMemory>(&self, memory: &'m P, span: &Span) -> &'m [AtomicU64] {
        &raw::words(memory, self.leaf_of(memory, span))[span.places()]
    }

    /// Stores the entries of a reserved range, taking one frame of the chain for each page, and
    /// notes in the index whose they are. `first` is the table over a range that has only one.
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
            self.part(memory, frames, &span, None).fill(frames, chain, mapping);
        }
    }

    /// As [`commit`](Self::commit), of the frames from `first` on, for a slot that had just these
    /// pages when it was mapped last.
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
        // An index lives as long as its table, and no other region has had these pages since. If it
        // names the slot at the first page, it names it at all of them.
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

    /// As [`wipe`](Self::wipe), of a range whose only table is known.
    #[inline(always)]
    pub(crate) fn wipe_span<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        span: &Span,
        leaf: FrameIndex,
    ) {
        wipe(&raw::words(memory, frames.frame(leaf))[span.places()]);
    }

    /// Stores entries for frames that the caller has.
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
            let leaf = self.part(memory, frames, &span, None);
            leaf.own(mapping.slot);
            for (slot, frame) in leaf.entries.iter().zip(&mut foreign) {
                publish(slot, Entry::leaf(*frame, mapping.rights));
            }
        }
    }

    /// Takes the entries of a range out and returns its frames. `leaf` is the table over a range
    /// that has only one, if it is known.
    #[inline]
    pub(crate) fn clear<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        leaf: FrameIndex,
    ) -> LazyFrames {
        let mut lazy = LazyFrames::new();
        match Span::only(range).filter(|_| leaf != FrameIndex::NONE) {
            Some(span) => {
                let entries = &raw::words(memory, frames.frame(leaf))[span.places()];
                take_out(entries, frames, &mut lazy);
            }
            None => self.clear_parts(memory, frames, range, &mut lazy),
        }
        lazy
    }

    /// Takes the entries of a range out whose frames are known. `leaf` is as for
    /// [`clear`](Self::clear).
    #[inline]
    pub(crate) fn wipe<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        leaf: FrameIndex,
    ) {
        match Span::only(range).filter(|_| leaf != FrameIndex::NONE) {
            Some(span) => self.wipe_span(memory, frames, &span, leaf),
            None => self.wipe_parts(memory, range),
        }
    }

    #[inline(never)]
    fn wipe_parts<P: PhysicalMemory>(&self, memory: &P, range: PageRange) {
        for span in spans(range) {
            wipe(self.entries(memory, &span));
        }
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
            take_out(self.entries(memory, &span), frames, lazy);
        }
    }

    /// Clears the entries of a range whose frames belong to the caller of `vmap`.
    pub(crate) fn clear_foreign<P: PhysicalMemory>(&self, memory: &P, range: PageRange) {
        self.wipe_parts(memory, range);
    }

    /// Gives every page of a range other rights.
    pub(crate) fn protect<P: PhysicalMemory>(
        &self,
        memory: &P,
        _frames: &Buddy,
        range: PageRange,
        rights: u64,
    ) {
        for span in spans(range) {
            for slot in self.entries(memory, &span) {
                // An accessed or dirty bit that the hardware sets in between is lost. No code reads
                // these bits.
                publish(slot, read(slot).with_rights(rights));
            }
        }
    }

    /// The entries of a span that the caller owns.
    pub(super) fn entries_of<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        span: &Span,
    ) -> &'m [AtomicU64] {
        self.part(memory, frames, span, None).entries
    }

    /// The entries of a reserved span, noted as this slot's.
    pub(super) fn places<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        span: &Span,
        slot: u32,
    ) -> &'m [AtomicU64] {
        let leaf = self.part(memory, frames, span, None);
        leaf.own(slot);
        leaf.entries
    }
}

/// Clears entries without reading them.
#[inline(always)]
fn wipe(places: &[AtomicU64]) {
    // A loop costs more than the page that most regions are.
    if let [place] = places {
        return place.store(Entry::ABSENT.raw(), Ordering::Relaxed);
    }
    for place in places {
        place.store(Entry::ABSENT.raw(), Ordering::Relaxed);
    }
}

/// Clears entries and adds their frames to the lazy ones.
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

/// Clears the entries that map the frames behind that of `before`, and returns their number. Most
/// frames are neighbours, and of neighbours only the first must be looked up.
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

    /// Records the owner of the pages.
    #[inline]
    fn own(&self, slot: u32) {
        // Relaxed: the entry that follows publishes the number, and a reader checks it against the
        // slot's own range.
        let Some(ids) = self.ids else { return };
        for id in ids {
            id.store(slot, Ordering::Relaxed);
        }
    }

    /// Records the owner of the pages, and maps a frame of the chain behind each.
    #[inline(always)]
    fn fill(&self, frames: &Buddy, chain: &mut FrameChain, mapping: Mapping) {
        self.own(mapping.slot);
        let lowest = Entry::leaf(frames.frame(FrameIndex(0)), mapping.rights);
        chain.pop_each(frames.metas(), self.entries, |place, frame| {
            publish(place, lowest.further(frame as u64));
        });
    }
}
