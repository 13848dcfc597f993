//! Checks the page tables of the window.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::structures::paging::PageTableFlags;

use super::audit::Audit;
use crate::allocator::lookup;
use crate::allocator::parts::Core;
use crate::frame::{FrameIndex, FrameState};
use crate::machine::Machine;
use crate::page::{Frame, LARGE_PAGES, Page};
use crate::paging::Entry;
use crate::paging::record::{Owners, PlaceState, TableRecord};
use crate::paging::records::GIB_PLACES;
use crate::region::{RegionInfo, RegionState};
use crate::stats::Stats;
use crate::{paging, raw};

/// The totals of the walk over all tables.
#[derive(Default)]
struct Found {
    pages: u64,
    tables: u64,
    indexes: u64,
    records: u64,
    /// The part of `pages` that large leaves map.
    large: u64,
    /// The number of leaf tables with a count of 0.
    empty: u64,
    /// Whether lazy areas exist. Their tables above the leaf tables may already be empty; they are
    /// freed with the area.
    is_lazy: bool,
    /// The sum of the counts of all leaf tables.
    counted: u64,
}

fn address_of(page: Page) -> u64 {
    page.start_address().as_u64()
}

/// Checks that every leaf belongs to a busy region, that every page of a busy region has a leaf,
/// and that every count of a table is correct.
pub(super) fn check<M: Machine>(core: &Core<M>, audit: &mut Audit, stats: &Stats) {
    let mut found = Found { is_lazy: stats.areas_lazy > 0, ..Found::default() };
    let records = &core.tables.records;
    let mut upper = None;
    for place in (0..records.places()).step_by(GIB_PLACES as usize) {
        let page = records.page(place).max(core.window.start());
        if upper.map(|(index, _)| index) != Some(page.p4_index()) {
            let table = check_upper(core, audit, &mut found, page);
            upper = Some((page.p4_index(), table));
        }
        if let Some((_, Some(table))) = upper {
            check_gib(core, audit, &mut found, table, place);
        }
    }
    let Found { pages, tables, indexes, records, empty, .. } = found;
    audit.expect(pages == stats.pages_mapped, "the number of mapped pages is wrong", pages);
    let made = core.tables.made();
    audit.expect(tables == made.tables, "the number of tables is wrong", tables);
    audit.expect(indexes == made.indexes, "the number of indexes is wrong", indexes);
    audit.expect(records == made.records, "the number of table records is wrong", records);
    audit.expect(empty == made.cached, "an empty table is linked", empty);
    let lazy = lazy_pages_counted(core);
    let small = pages - found.large;
    audit.expect(found.counted == small + lazy, "the tables' counts are wrong", found.counted);
}

/// Returns the number of lazy pages that leaf tables still count.
fn lazy_pages_counted<M: Machine>(core: &Core<M>) -> u64 {
    let mut pages = 0;
    for slot in 1..=core.slots().limit() {
        let record = core.slots().slot(slot);
        let is_lazy = record.read(slot).is_some_and(|info| info.state == RegionState::Lazy);
        if is_lazy && !record.extent().is_detached() {
            let (tables, machine, frames) = (&core.tables, &core.machine, &core.frames.buddy);
            let spans = paging::span::spans(record.range());
            let there = spans.filter(|span| {
                paging::lookup::leaf_table(tables, machine, frames, span.page).is_some()
            });
            pages += there.map(|span| span.count as u64).sum::<u64>();
        }
    }
    pages
}

/// Checks the level-3 table over a page, and returns it.
fn check_upper<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    found: &mut Found,
    page: Page,
) -> Option<Frame> {
    let entry = entry_of(core, core.tables.root(), usize::from(page.p4_index()));
    if !entry.is_present() {
        audit.note("an upper table of the window is gone", address_of(page));
        return None;
    }
    found.tables += 1;
    check_table_frame(core, audit, entry.frame(), page);
    Some(entry.frame())
}

/// Checks the level-2 table over the GiB of a place, its records, and all tables below it.
fn check_gib<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    found: &mut Found,
    upper: Frame,
    place: u32,
) {
    let records = &core.tables.records;
    let page = records.page(place);
    let entry = entry_of(core, upper, usize::from(page.p3_index()));
    if !entry.is_present() && !entry.is_unlinked() {
        audit.expect(entry.raw() == 0, "an absent entry is not empty", address_of(page));
        let is_left = records.parts_of(place).iter().any(|part| records.part(*part).is_some());
        audit.expect(!is_left, "table records are left", address_of(page));
        return;
    }
    if entry.is_present() {
        check_table_entry(audit, entry, page);
    }
    found.tables += 1;
    check_table_frame(core, audit, entry.frame(), page);
    for frame in records.parts_of(place).into_iter().filter_map(|part| records.part(part)) {
        found.records += 1;
        check_frame(core, audit, frame, FrameState::Records, page);
    }
    let mut used = 0;
    for at in 0..GIB_PLACES {
        used += u32::from(check_place(core, audit, found, entry.frame(), place + at));
    }
    let counted = records.middle(place).used();
    audit.expect(counted == used, "a table's count is wrong", address_of(page));
    let may_be_empty = !entry.is_present() || found.is_lazy;
    audit.expect(may_be_empty || used > 0, "an empty table is linked", address_of(page));
}

/// Checks that the level-2 entry of a place agrees with its record. Returns whether the entry is
/// used.
fn check_place<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    found: &mut Found,
    middle: Frame,
    place: u32,
) -> bool {
    let page = core.tables.records.page(place);
    let entry = entry_of(core, middle, usize::from(page.p2_index()));
    let record = core.tables.records.find_any(&core.machine, &core.frames.buddy, place);
    match record.map_or(PlaceState::Vacant, TableRecord::state) {
        PlaceState::Large => {
            let at = address_of(page);
            audit.expect(entry.is_large(), "a table lies elsewhere than it notes", at);
            found.pages += LARGE_PAGES;
            found.large += LARGE_PAGES;
            check_large(core, audit, entry, page);
            return true;
        }
        PlaceState::Linked => {
            let table = record.map(|record| core.frames.buddy.frame(record.table()));
            let is_here = table == Some(entry.frame());
            audit.expect(is_here, "a table lies elsewhere than it notes", address_of(page));
            check_table_entry(audit, entry, page);
        }
        PlaceState::Vacant | PlaceState::Unlinked => {
            audit.expect(entry.raw() == 0, "an absent entry is not empty", address_of(page));
        }
    }
    if let Some(record) = record.filter(|record| record.state() != PlaceState::Vacant) {
        check_leaf_table(core, audit, found, record, page);
    }
    entry.is_present()
}

/// Checks a leaf table, linked or unlinked, and its entries.
fn check_leaf_table<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    found: &mut Found,
    record: &TableRecord,
    first: Page,
) {
    let table = core.frames.buddy.frame(record.table());
    found.tables += 1;
    check_table_frame(core, audit, table, first);
    if let Owners::Index(ids) = record.owners() {
        found.indexes += 1;
        check_frame(core, audit, ids, FrameState::Index, first);
    }
    let mut used = 0;
    for (page, word) in (0u64..).zip(raw::words(&core.machine, table)) {
        let (entry, page) = (entry_in(word), first + page);
        if entry.has_frame() {
            used += 1;
            check_leaf(core, audit, entry, page);
        } else {
            audit.expect(entry.raw() == 0, "an absent entry is not empty", address_of(page));
        }
    }
    found.pages += used;
    // The count of a leaf table includes lazy pages, whose entries are absent. So only a lower
    // bound is checked here, and the sum of all counts at the end.
    let count = record.count() as u64;
    audit.expect(count >= used, "a table's count is too small", address_of(first));
    found.counted += count;
    found.empty += u64::from(record.state() == PlaceState::Linked && count == 0);
}

fn entry_of<M: Machine>(core: &Core<M>, table: Frame, index: usize) -> Entry {
    entry_in(&raw::words(&core.machine, table)[index])
}

fn entry_in(word: &AtomicU64) -> Entry {
    Entry::from_raw(word.load(Ordering::Acquire))
}

fn check_table_entry(audit: &mut Audit, entry: Entry, page: Page) {
    let flags = entry.flags().difference(PageTableFlags::ACCESSED);
    let plain = PageTableFlags::PRESENT | PageTableFlags::WRITABLE;
    audit.expect(flags == plain, "a table's entry has other rights", address_of(page));
}

fn check_table_frame<M: Machine>(core: &Core<M>, audit: &mut Audit, table: Frame, page: Page) {
    match core.frames.buddy.index(table) {
        Some(frame) => check_frame(core, audit, frame, FrameState::Table, page),
        None => audit.note("a table is not a managed frame", address_of(page)),
    }
}

/// Checks that a frame that the tables use has the right state, and that it is found only once.
fn check_frame<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    frame: FrameIndex,
    state: FrameState,
    page: Page,
) {
    let at = address_of(page);
    let Some(meta) = core.frames.buddy.metas().get(frame.at()) else {
        audit.note("a table is not a managed frame", at);
        return;
    };
    audit.expect(meta.state() == state, "a table's frame is in another state", at);
    audit.expect(meta.mark(), "a frame is used twice", at);
}

fn check_leaf<M: Machine>(core: &Core<M>, audit: &mut Audit, entry: Entry, page: Page) {
    let at = address_of(page);
    let info = lookup::region_of(core, page).filter(|info| info.range.holds(page.start_address()));
    let Some(info) = info.filter(|info| info.state == RegionState::Busy) else {
        audit.note("a page is mapped that belongs to no busy region", at);
        return;
    };
    let rights = Entry::rights(info.protection);
    audit.expect(entry.has_rights(rights), "a page has other rights than its region", at);
    let global = entry.flags().contains(PageTableFlags::GLOBAL);
    audit.expect(!global, "a page is global", at);
    audit.expect(
        !entry.is_present() || !entry.is_writable_and_executable(),
        "a page is writable and executable",
        at,
    );
    if !info.is_mapped {
        check_taken(core, audit, core.frames.buddy.index(entry.frame()), at);
    }
}

/// Checks that all pages of a large leaf belong to one busy region, and checks its 512 frames.
fn check_large<M: Machine>(core: &Core<M>, audit: &mut Audit, entry: Entry, page: Page) {
    let at = address_of(page);
    let last = page + (LARGE_PAGES - 1);
    let info = lookup::region_of(core, page).filter(|info| info.state == RegionState::Busy);
    let holds = |info: &RegionInfo| {
        info.range.holds(page.start_address()) && info.range.holds(last.start_address())
    };
    let Some(info) = info.filter(holds) else {
        audit.note("a large page is mapped that belongs to no busy region", at);
        return;
    };
    let rights = Entry::rights(info.protection);
    audit.expect(entry.has_rights(rights), "a page has other rights than its region", at);
    check_block(core, audit, core.frames.buddy.index(entry.frame()), at);
}

pub(super) fn check_block<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    first: Option<FrameIndex>,
    at: u64,
) {
    let Some(first) = first else {
        audit.note("a frame is not managed", at);
        return;
    };
    let meta = core.frames.buddy.meta(first);
    audit.expect(meta.state() == FrameState::Large, "a large block has another state", at);
    audit.expect(meta.mark(), "a frame is used twice", at);
    for offset in 1..512 {
        check_taken(core, audit, Some(FrameIndex(first.0 + offset)), at);
    }
}

/// Checks that a frame found in use has the state `Taken`, and that it is found only once.
pub(super) fn check_taken<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    frame: Option<FrameIndex>,
    at: u64,
) {
    let Some(meta) = frame.map(|frame| core.frames.buddy.meta(frame)) else {
        audit.note("a frame is not managed", at);
        return;
    };
    audit.expect(meta.state() == FrameState::Taken, "a frame in use is free", at);
    audit.expect(meta.mark(), "a frame is used twice", at);
}
