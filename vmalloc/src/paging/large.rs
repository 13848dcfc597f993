//! Maps, unmaps and protects leaves of 2 MiB, and splits a leaf of 2 MiB into 512 small leaves.
//!
//! A large leaf is an entry of a level-2 table that points to 512 adjacent frames. The record of
//! its place names the slot of the region, as it does for a leaf table of one region.

use core::sync::atomic::Ordering;

use super::entry::Entry;
use super::leaf::Mapping;
use super::lookup;
use super::make::Maker;
use super::record::{Owners, PlaceState};
use super::span::{Span, spans};
use super::tables::{Stash, Tables, publish, read};
use crate::frame::buddy::Buddy;
use crate::frame::{FrameChain, FrameState, LazyFrames};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, LARGE_PAGES, Page, PageCount, PageRange};
use crate::raw;

/// Returns the number of aligned parts of 512 pages in `range` over which no leaf table exists.
/// Only these parts can get large leaves. The caller owns the range, so this number can grow until
/// the caller maps the range, but cannot shrink.
pub(crate) fn vacant<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
) -> u64 {
    let _made = tables.lock();
    spans(range).filter(|span| is_vacant(tables, memory, frames, span)).count() as u64
}

/// Returns whether an empty leaf table, cached or unlinked, exists over an aligned part of 512 pages
/// of `range`, which the caller owns. When it is freed, the part can get a large leaf.
pub(crate) fn has_idle_table<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
) -> bool {
    let _made = tables.lock();
    spans(range).filter(|span| span.count as u64 == LARGE_PAGES).any(|span| {
        let record = tables.record_any(memory, frames, span.page);
        record.is_some_and(|record| record.state() != PlaceState::Vacant && record.count() == 0)
    })
}

/// Returns whether a span can get a large leaf. The caller holds the lock of the tables.
fn is_vacant<P: PhysicalMemory>(tables: &Tables, memory: &P, frames: &Buddy, span: &Span) -> bool {
    span.count as u64 == LARGE_PAGES && tables.is_vacant(memory, frames, span.page)
}

/// Creates the tables over `range`, of which the first `larges` vacant parts of 512 pages will be
/// mapped by large leaves. If `stash` has too few frames, returns the number of frames that it must
/// have, without an effect.
pub(crate) fn reserve<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
    slot: u32,
    larges: u64,
    stash: &mut Stash,
) -> Result<(), u64> {
    let mut made = tables.lock();
    let mut left = larges;
    let missing = tables.missing(memory, frames, range, slot, |span| {
        let is_large = left > 0 && is_vacant(tables, memory, frames, span);
        left -= u64::from(is_large);
        !is_large
    });
    if missing > stash.count() {
        return Err(missing);
    }
    let mut maker = Maker { tables, memory, frames, made: &mut made, stash };
    left = larges;
    for span in spans(range) {
        if left == 0 || !is_vacant(tables, memory, frames, &span) {
            maker.count(&span, slot);
            continue;
        }
        left -= 1;
        maker.middle(&span);
        let record = maker.record(&span);
        record.set_owners(Owners::Sole(slot));
        record.set_state(PlaceState::Large);
        tables.records.middle(tables.records.place(span.page)).add();
    }
    assert_eq!(left, 0, "a vacant part was taken");
    Ok(())
}

/// Stores the entries of a range that [`reserve`] has prepared: a large leaf, on a block of
/// `blocks`, for each part that was reserved for one, and small leaves, on frames of `singles`, for
/// all other pages.
pub(crate) fn commit<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
    blocks: &mut FrameChain,
    singles: &mut FrameChain,
    mapping: Mapping,
) {
    for span in spans(range) {
        if !lookup::has_large(tables, memory, frames, span.page) {
            let part = part_of(range, &span);
            tables.commit(memory, frames, part, None, singles, mapping);
            continue;
        }
        let block = blocks.pop_block(frames.metas()).expect("one was taken for each");
        let entry = Entry::large(frames.frame(block), mapping.rights);
        publish(tables.level_2(memory, span.page), entry);
    }
}

/// Clears all entries of a range, large leaves too, and returns their frames. A large leaf must lie
/// in the range with all its pages.
pub(crate) fn clear<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
) -> LazyFrames {
    let mut lazy = LazyFrames::new();
    for span in spans(range) {
        if !lookup::has_large(tables, memory, frames, span.page) {
            let part = tables.clear(memory, frames, part_of(range, &span));
            lazy.append(frames.metas(), part);
            continue;
        }
        assert_eq!(span.count as u64, LARGE_PAGES, "a large leaf is taken out whole");
        // All counts of level-2 tables change under the lock. A level-2 table that becomes empty
        // here is freed later, together with the addresses.
        let made = tables.lock();
        let entry_word = tables.level_2(memory, span.page);
        let leaf = read(entry_word);
        entry_word.store(Entry::ABSENT.raw(), Ordering::Relaxed);
        tables.record(memory, frames, span.page).expect("a large leaf has a record").clear();
        tables.records.middle(tables.records.place(span.page)).sub();
        drop(made);
        let block = frames.index(leaf.frame()).expect("large leaves map managed frames");
        lazy.push(frames.metas(), block, LARGE_PAGES);
    }
    lazy
}

/// Gives all leaves of a range other rights, large leaves too.
pub(crate) fn protect<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
    rights: u64,
) {
    for span in spans(range) {
        if lookup::has_large(tables, memory, frames, span.page) {
            let entry_word = tables.level_2(memory, span.page);
            publish(entry_word, read(entry_word).with_rights(rights));
        } else {
            tables.protect(memory, frames, part_of(range, &span), rights);
        }
    }
}

/// Returns the number of large leaves that a range touches.
pub(crate) fn count<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
) -> u64 {
    spans(range).filter(|span| lookup::has_large(tables, memory, frames, span.page)).count() as u64
}

/// Replaces every large leaf that a range touches by a table of 512 small leaves with the same
/// frames and rights. Until a full flush on every CPU, a CPU may use the large leaf and the small
/// leaves at once, so the caller must not change a small leaf before that flush.
///
/// # Panics
///
/// If `stash` has fewer frames than there are large leaves; [`count`] returns that number.
pub(crate) fn split<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
    stash: &mut Stash,
) {
    let mut made = tables.lock();
    let mut maker = Maker { tables, memory, frames, made: &mut made, stash };
    for span in spans(range) {
        if !lookup::has_large(tables, memory, frames, span.page) {
            continue;
        }
        let entry_word = tables.level_2(memory, span.page);
        let large = read(entry_word);
        let block = frames.index(large.frame()).expect("large leaves map managed frames");
        let table = maker.make(FrameState::Table);
        frames.meta(block).set_state(FrameState::Taken);
        let leaves = raw::words(memory, frames.frame(table)).iter().zip(0u64..);
        for (leaf, number) in leaves {
            publish(leaf, Entry::leaf(large.frame() + number, large.small_rights()));
        }
        let record = maker.record(&span);
        record.set_table(table);
        record.add_count(512);
        record.set_state(PlaceState::Linked);
        publish(entry_word, Entry::table(frames.frame(table)));
    }
}

/// Returns the pages of `range` that lie in `span`.
fn part_of(range: PageRange, span: &Span) -> PageRange {
    let pages = |count| PageCount::from_pages(count).expect("a part of a range");
    let offset = span.page - range.start();
    PageRange::within(range, pages(offset), pages(span.count as u64))
}

/// Returns the frame that `entry`, a leaf of `level` 1 or 2, maps for `page`.
pub(crate) fn frame_of(entry: Entry, level: u8, page: Page) -> Frame {
    match level {
        1 => entry.frame(),
        _ => entry.frame() + u64::from(page.p1_index()),
    }
}
