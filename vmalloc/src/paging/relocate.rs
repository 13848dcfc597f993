//! Moves the pages of a region to other addresses: a whole leaf table by one entry if both ranges
//! allow it, any other page by its own entry.
//!
//! During the move both addresses map the same frames. Both belong to one region, so no region can
//! access frames of another one.

use core::sync::atomic::Ordering;

use super::entry::Entry;
use super::make::Maker;
use super::span::{Span, spans};
use super::tables::{Stash, Tables, publish, read};
use super::{large, lookup};
use crate::frame::buddy::Buddy;
use crate::machine::PhysicalMemory;
use crate::page::{Page, PageCount, PageRange};

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
    let mut maker = Maker { tables, memory, frames, made: &mut made, stash };
    for span in spans(to) {
        match movable(tables, memory, frames, way, &span) {
            Some(source) => move_table(&mut maker, source, &span),
            None => maker.count(&span, slot),
        }
    }
    Ok(())
}

/// Returns the number of large leaves of `from` that cannot be moved as a whole, with the tables as
/// they are now. The caller must split them.
pub(crate) fn stuck_larges<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    from: PageRange,
    to: PageRange,
) -> u64 {
    let _made = tables.lock();
    let way = Relocation { from, to };
    let moving = spans(to).filter(|span| {
        let source = movable(tables, memory, frames, way, span);
        source.is_some_and(|source| lookup::has_large(tables, memory, frames, source))
    });
    large::count(tables, memory, frames, from) - moving.count() as u64
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
/// new place must be vacant, not merely unlinked: then a shootdown has completed since another
/// table was linked there, and no CPU caches that table.
fn movable<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    way: Relocation,
    span: &Span,
) -> Option<Page> {
    way.whole(span).filter(|_| tables.is_vacant(memory, frames, span.page))
}

fn missing_for<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    way: Relocation,
    slot: u32,
) -> u64 {
    tables.missing(memory, frames, way.to, slot, |span| {
        movable(tables, memory, frames, way, span).is_none()
    })
}

/// Links the leaf table or large leaf of `source` at `span`, and clears its old entry. The old
/// level-2 table may be empty after this; it is freed when the old addresses are.
fn move_table<P: PhysicalMemory>(maker: &mut Maker<'_, P>, source: Page, span: &Span) {
    maker.middle(span);
    let record = maker.record(span);
    let Maker { tables, memory, frames, .. } = *maker;
    let old_record = tables.record(memory, frames, source).expect("kept by its count");
    let old = tables.level_2(memory, source);
    publish(tables.level_2(memory, span.page), read(old));
    old.store(Entry::ABSENT.raw(), Ordering::Relaxed);
    record.take_over(old_record);
    tables.records.middle(tables.records.place(span.page)).add();
    tables.records.middle(tables.records.place(source)).sub();
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
        if way.whole(&span).is_some()
            && lookup::leaf_table(tables, memory, frames, source).is_none()
        {
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
