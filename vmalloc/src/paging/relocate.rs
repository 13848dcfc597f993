//! Moves the pages of a region to other addresses: a whole leaf table by one entry if both ranges
//! allow it, any other page by its own entry.
//!
//! During the move both addresses map the same frames. Both belong to one region, so no region can
//! access frames of another one.

use core::sync::atomic::Ordering;

use super::entry::Entry;
use super::span::{Span, index, spans};
use super::tables::{Stash, Tables, made_child, meta, needs_index, place, publish, read};
use super::{large, lookup};
use crate::frame::buddy::Buddy;
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page, PageCount, PageRange};
use crate::raw;

/// The old and the new range of the pages that are moved.
#[derive(Clone, Copy, Debug)]
struct Relocation {
    from: PageRange,
    to: PageRange,
}

impl Relocation {
    /// Returns the old page that moves to the new page `page`. Returns `None` if the new range is
    /// longer and `page` is one of its added pages.
    fn source(self, page: Page) -> Option<Page> {
        let offset = page - self.to.start();
        (offset < self.from.count().get()).then(|| self.from.start() + offset)
    }

    /// Returns the old first page of a span that covers a whole leaf table both in the old range
    /// and in the new one.
    fn whole(self, span: &Span) -> Option<Page> {
        let source = self.source(span.page)?;
        let last = span.page + (span.count as u64 - 1);
        let is_whole = span.count == 512 && u64::from(source.p1_index()) == 0;
        (is_whole && self.source(last).is_some()).then_some(source)
    }
}

/// Creates the tables over `to`, as [`Tables::reserve`] does. Leaf tables and large leaves of
/// `from` that fit at `to` are moved at once, without a new table. If `stash` has too few frames,
/// returns the number of frames that it must have, without an effect.
pub(crate) fn relocate<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    from: PageRange,
    to: PageRange,
    slot: u32,
    stash: &mut Stash,
) -> Result<(), u64> {
    let way = Relocation { from, to };
    let mut made = tables.lock();
    let missing = missing_for(tables, memory, frames, way, slot);
    if missing > stash.count() {
        return Err(missing);
    }
    for span in spans(to) {
        let upper = tables.upper(memory, span.page);
        let middle = made.child(memory, frames, upper, &span, 3, stash);
        if let Some(source) = movable(memory, way, &span, Some(middle)) {
            move_table(tables, memory, frames, source, &span, middle);
            continue;
        }
        let leaf = made.child(memory, frames, middle, &span, 2, stash);
        made.join(memory, frames, leaf, slot, stash);
        meta(frames, leaf).add_count(span.count);
    }
    Ok(())
}

/// Returns the number of large leaves of `from` that cannot be moved as a whole, with the tables as
/// they are now. The caller must split them.
pub(crate) fn stuck_larges<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    from: PageRange,
    to: PageRange,
) -> u64 {
    let _made = tables.lock();
    let way = Relocation { from, to };
    let moving = spans(to).filter(|span| {
        let middle = made_child(memory, tables.upper(memory, span.page), span.page, 3);
        let source = movable(memory, way, span, middle);
        source.is_some_and(|source| lookup::large_leaf(tables, memory, source).is_some())
    });
    large::count(tables, memory, from) - moving.count() as u64
}

/// Returns the number of frames that [`relocate`] needs, with the tables as they are now.
pub(crate) fn missing_for_move<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    from: PageRange,
    to: PageRange,
    slot: u32,
) -> u64 {
    let _made = tables.lock();
    missing_for(tables, memory, frames, Relocation { from, to }, slot)
}

/// Returns the old first page of a span whose leaf table or large leaf can be moved as a whole. The
/// new entry must be absent, not merely unlinked: then a shootdown has completed since another
/// table was linked there, and no CPU caches that table.
fn movable<P: PhysicalMemory>(
    memory: &P,
    way: Relocation,
    span: &Span,
    middle: Option<Frame>,
) -> Option<Page> {
    let source = way.whole(span)?;
    let is_vacant = middle.is_none_or(|middle| {
        read(&raw::words(memory, middle)[index(span.page, 2)]) == Entry::ABSENT
    });
    is_vacant.then_some(source)
}

fn missing_for<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    way: Relocation,
    slot: u32,
) -> u64 {
    let (mut missing, mut made) = (0, None);
    for span in spans(way.to) {
        let upper = tables.upper(memory, span.page);
        let middle = made_child(memory, upper, span.page, 3);
        if middle.is_none() {
            let key = span.page.start_address().as_u64() >> 30;
            missing += u64::from(made != Some(key));
            made = Some(key);
        }
        if movable(memory, way, &span, middle).is_some() {
            continue;
        }
        let leaf = middle.and_then(|middle| made_child(memory, middle, span.page, 2));
        missing += leaf.map_or(1, |leaf| u64::from(needs_index(meta(frames, leaf), slot)));
    }
    missing
}

/// Links the leaf table or large leaf of `source` at `span`, and clears its old entry. The old
/// level-2 table may be empty after this; it is freed when the old addresses are.
fn move_table<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    source: Page,
    span: &Span,
    middle: Frame,
) {
    let upper = tables.upper(memory, source);
    let old_middle = lookup::child(memory, upper, source, 3).expect("pinned by its count");
    let old = &raw::words(memory, old_middle)[index(source, 2)];
    let entry = read(old);
    publish(&raw::words(memory, middle)[index(span.page, 2)], entry);
    old.store(Entry::ABSENT.raw(), Ordering::Relaxed);
    if !entry.is_large() {
        meta(frames, entry.frame()).set_place(place(span.page, 2));
    }
    meta(frames, middle).add_count(1);
    meta(frames, old_middle).sub_count(1);
}

/// Moves the entries of `from` to the first pages of `to`, except those that [`relocate`] has moved
/// with their tables.
pub(crate) fn move_entries<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    from: PageRange,
    to: PageRange,
    slot: u32,
) {
    let way = Relocation { from, to };
    for span in spans(PageRange::within(to, PageCount::ZERO, from.count())) {
        let source = way.source(span.page).expect("these pages had a place");
        // Large leaves that cannot be moved as a whole were split before.
        if way.whole(&span).is_some() && lookup::leaf_table(tables, memory, source).is_none() {
            continue;
        }
        let count = PageCount::from_pages(span.count as u64).expect("at most 512");
        let offset = PageCount::from_pages(source - from.start()).expect("inside the range");
        let mut places = tables.places(memory, frames, &span, slot);
        for old in spans(PageRange::within(from, offset, count)) {
            let entries = tables.entries_of(memory, frames, &old);
            let (here, rest) = places.split_at(entries.len());
            for (place, old) in here.iter().zip(entries) {
                publish(place, read(old));
                old.store(Entry::ABSENT.raw(), Ordering::Relaxed);
            }
            places = rest;
        }
    }
}
