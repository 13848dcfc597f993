//! Maps, unmaps and protects leaves of 2 MiB, and splits a leaf of 2 MiB into 512 small leaves.
//!
//! A large leaf is an entry of a level-2 table that points to 512 adjacent frames. The frame record
//! of the first of these frames names the slot of the region, as an index does for small pages.

use core::sync::atomic::Ordering;

use super::entry::Entry;
use super::leaf::Mapping;
use super::lookup;
use super::span::{Span, index, spans};
use super::tables::{Stash, Tables, made_child, made_entry, meta, needs_index, place, publish};
use crate::frame::buddy::Buddy;
use crate::frame::{FrameChain, FrameIndex, FrameState, LazyFrames, Owners};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, LARGE_PAGES, Page, PageCount, PageRange};
use crate::raw;

/// Returns the number of aligned parts of 512 pages in `range` over which no leaf table exists.
/// Only these parts can get large leaves. The caller owns the range, so this number can grow until
/// the caller maps the range, but cannot shrink.
pub(crate) fn vacant<P: PhysicalMemory>(tables: &Tables, memory: &P, range: PageRange) -> u64 {
    let _made = tables.lock();
    spans(range).filter(|span| is_vacant(tables, memory, span)).count() as u64
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
        let middle = made_child(memory, tables.upper(memory, span.page), span.page, 3);
        let leaf = middle.and_then(|middle| made_child(memory, middle, span.page, 2));
        leaf.is_some_and(|leaf| meta(frames, leaf).count() == 0)
    })
}

fn is_vacant<P: PhysicalMemory>(tables: &Tables, memory: &P, span: &Span) -> bool {
    if span.count as u64 != LARGE_PAGES {
        return false;
    }
    let upper = tables.upper(memory, span.page);
    let middle = made_child(memory, upper, span.page, 3);
    middle.is_none_or(|middle| made_entry(memory, middle, span.page, 2) == Entry::ABSENT)
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
    let missing = missing(tables, memory, frames, range, slot, larges);
    if missing > stash.count() {
        return Err(missing);
    }
    let mut left = larges;
    for span in spans(range) {
        let is_large = left > 0 && is_vacant(tables, memory, &span);
        let upper = tables.upper(memory, span.page);
        let middle = made.child(memory, frames, upper, &span, 3, stash);
        if is_large {
            meta(frames, middle).add_count(1);
            left -= 1;
            continue;
        }
        let leaf = made.child(memory, frames, middle, &span, 2, stash);
        made.join(memory, frames, leaf, slot, stash);
        meta(frames, leaf).add_count(span.count);
    }
    assert_eq!(left, 0, "a vacant part was taken");
    Ok(())
}

fn missing<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
    slot: u32,
    larges: u64,
) -> u64 {
    let (mut missing, mut made, mut left) = (0, None, larges);
    for span in spans(range) {
        let upper = tables.upper(memory, span.page);
        let middle = made_child(memory, upper, span.page, 3);
        if middle.is_none() {
            let key = span.page.start_address().as_u64() >> 30;
            missing += u64::from(made != Some(key));
            made = Some(key);
        }
        if left > 0 && is_vacant(tables, memory, &span) {
            left -= 1;
            continue;
        }
        let leaf = middle.and_then(|middle| made_child(memory, middle, span.page, 2));
        missing += leaf.map_or(1, |leaf| u64::from(needs_index(meta(frames, leaf), slot)));
    }
    missing
}

/// Stores the entries of a range that [`reserve`] has prepared: a large leaf, on a block of
/// `blocks`, for each part without a leaf table, and small leaves, on frames of `singles`, for all
/// other pages.
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
        if !is_vacant(tables, memory, &span) {
            let part = part_of(range, &span);
            tables.commit(memory, frames, part, None, singles, mapping);
            continue;
        }
        let block = blocks.pop_block(frames.metas()).expect("one was taken for each");
        frames.meta(block).set_other(FrameIndex(mapping.slot));
        let upper = tables.upper(memory, span.page);
        let middle = lookup::child(memory, upper, span.page, 3).expect("reserved before");
        let slot = &raw::words(memory, middle)[index(span.page, 2)];
        publish(slot, Entry::large(frames.frame(block), mapping.rights));
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
        let Some(leaf) = lookup::large_leaf(tables, memory, span.page) else {
            let part = part_of(range, &span);
            let part = tables.clear(memory, frames, part, FrameIndex::NONE);
            lazy.append(frames.metas(), part);
            continue;
        };
        assert_eq!(span.count as u64, LARGE_PAGES, "a large leaf is taken out whole");
        let upper = tables.upper(memory, span.page);
        let middle = lookup::child(memory, upper, span.page, 3).expect("it holds the leaf");
        // All counts of level-2 tables change under the lock. A level-2 table that becomes empty
        // here is freed later, together with the addresses.
        let made = tables.lock();
        let slot = &raw::words(memory, middle)[index(span.page, 2)];
        slot.store(Entry::ABSENT.raw(), Ordering::Relaxed);
        meta(frames, middle).sub_count(1);
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
        let Some(leaf) = lookup::large_leaf(tables, memory, span.page) else {
            tables.protect(memory, frames, part_of(range, &span), rights);
            continue;
        };
        let upper = tables.upper(memory, span.page);
        let middle = lookup::child(memory, upper, span.page, 3).expect("it holds the leaf");
        let slot = &raw::words(memory, middle)[index(span.page, 2)];
        publish(slot, leaf.with_rights(rights));
    }
}

/// Returns the number of large leaves that a range touches.
pub(crate) fn count<P: PhysicalMemory>(tables: &Tables, memory: &P, range: PageRange) -> u64 {
    spans(range).filter(|span| lookup::large_leaf(tables, memory, span.page).is_some()).count()
        as u64
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
    for span in spans(range) {
        let Some(large) = lookup::large_leaf(tables, memory, span.page) else { continue };
        let block = frames.index(large.frame()).expect("large leaves map managed frames");
        let slot = frames.meta(block).other().0;
        let table = made.make(memory, frames, stash, FrameState::Table);
        let meta = frames.meta(table);
        meta.set_place(place(span.page, 2));
        meta.set_owners(Owners::Sole(slot));
        meta.add_count(512);
        frames.meta(block).set_state(FrameState::Taken);
        let leaves = raw::words(memory, frames.frame(table)).iter().zip(0u64..);
        for (leaf, number) in leaves {
            publish(leaf, Entry::leaf(large.frame() + number, large.small_rights()));
        }
        let upper = tables.upper(memory, span.page);
        let middle = lookup::child(memory, upper, span.page, 3).expect("it holds the leaf");
        let entry = &raw::words(memory, middle)[index(span.page, 2)];
        publish(entry, Entry::table(frames.frame(table)));
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
