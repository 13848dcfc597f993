//! Checks the page tables of the window.

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::audit::Audit;
use crate::allocator::lookup;
use crate::allocator::parts::Core;
use crate::frame::meta::FrameMeta;
use crate::frame::{FrameIndex, FrameState, Owners};
use crate::machine::Machine;
use crate::page::{Frame, LARGE_PAGES, Page};
use crate::paging::Entry;
use crate::region::{RegionInfo, RegionState};
use crate::stats::Stats;
use crate::{paging, raw};

/// The totals of the walk over all tables.
#[derive(Default)]
struct Found {
    pages: u64,
    tables: u64,
    indexes: u64,
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

fn entry_address(page: Page) -> u64 {
    page.start_address().as_u64()
}

/// Checks that every leaf belongs to a busy region, that every page of a busy region has a leaf,
/// and that every count of a table is correct.
pub(super) fn check<M: Machine>(core: &Core<M>, audit: &mut Audit, stats: &Stats) {
    let mut found = Found { is_lazy: stats.areas_lazy > 0, ..Found::default() };
    let mut page = Some(core.window.start());
    while let Some(here) = page {
        let upper = paging::lookup::child(&core.machine, core.tables.root(), here, 4);
        match upper {
            Some(upper) => {
                check_table(core, audit, &mut found, (upper, 3), here, true);
            }
            None => audit.note("an upper table of the window is gone", entry_address(here)),
        }
        let next = (entry_address(here) | ((1 << 39) - 1)).wrapping_add(1);
        let inside = next != 0 && next < core.window.end().as_u64();
        page = inside.then(|| Page::containing_address(VirtAddr::new_truncate(next)));
    }
    let Found { pages, tables, indexes, empty, .. } = found;
    audit.expect(pages == stats.pages_mapped, "the number of mapped pages is wrong", pages);
    let made = core.tables.made();
    audit.expect(tables == made.tables, "the number of tables is wrong", tables);
    audit.expect(indexes == made.indexes, "the number of indexes is wrong", indexes);
    audit.expect(empty == made.cached, "an empty table is linked", empty);
    let lazy = lazy_pages_counted(core);
    check_noted_leaves(core, audit);
    let small = pages - found.large;
    audit.expect(found.counted == small + lazy, "the tables' counts are wrong", found.counted);
}

/// Checks that the leaf table recorded in a slot is the one that counts the pages of the region.
fn check_noted_leaves<M: Machine>(core: &Core<M>, audit: &mut Audit) {
    for slot in 1..=core.slots().limit() {
        let record = core.slots().slot(slot);
        let leaf = record.leaf();
        let is_counted = record.read(slot).is_some() && !record.extent().is_detached();
        if is_counted && leaf != FrameIndex::NONE {
            let is_right = leaf == core.only_leaf(record.range());
            audit.expect(is_right, "a region notes another leaf table", slot.into());
        }
    }
}

/// Returns the number of lazy pages that leaf tables still count.
fn lazy_pages_counted<M: Machine>(core: &Core<M>) -> u64 {
    let mut pages = 0;
    for slot in 1..=core.slots().limit() {
        let record = core.slots().slot(slot);
        let is_lazy = record.read(slot).is_some_and(|info| info.state == RegionState::Lazy);
        if is_lazy && !record.extent().is_detached() {
            let spans = paging::span::spans(record.range());
            let there = spans.filter(|span| {
                paging::lookup::leaf_table(&core.tables, &core.machine, span.page).is_some()
            });
            pages += there.map(|span| span.count as u64).sum::<u64>();
        }
    }
    pages
}

/// Checks `table`, a table of `level` that covers `page`, and all tables below it. If `is_linked`
/// is false, the table is unlinked and waits for a shootdown.
fn check_table<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    found: &mut Found,
    (table, level): (Frame, u8),
    page: Page,
    is_linked: bool,
) {
    let at = entry_address(page);
    let frames = &core.frames.buddy;
    let Some(meta) = frames.index(table).map(|index| frames.meta(index)) else {
        audit.note("a table is not a managed frame", at);
        return;
    };
    audit.expect(meta.state() == FrameState::Table, "a table's frame is in another state", at);
    audit.expect(meta.mark(), "a frame is used twice", table.start_address().as_u64());
    found.tables += 1;
    if level < 3 {
        let place = paging::tables::place(page, level + 1);
        audit.expect(meta.place() == place, "a table lies elsewhere than it notes", at);
    }
    if level == 1 {
        check_owners(core, audit, found, meta, at);
    }
    let mut used = 0;
    let covers = 1u64 << (12 + 9 * (u32::from(level) - 1));
    // The first table may begin before the window.
    let base = at & !((covers << 9) - 1);
    for (index, word) in raw::words(&core.machine, table).iter().enumerate() {
        let entry = Entry::from_raw(word.load(core::sync::atomic::Ordering::Acquire));
        let address = VirtAddr::new_truncate(base + index as u64 * covers);
        let below = Page::containing_address(address);
        if level > 1 && entry.is_unlinked() {
            check_table(core, audit, found, (entry.frame(), level - 1), below, false);
            continue;
        }
        if !entry.has_frame() {
            audit.expect(entry.raw() == 0, "an absent entry is not empty", address.as_u64());
            continue;
        }
        used += 1;
        if level == 2 && entry.is_large() {
            found.pages += LARGE_PAGES;
            found.large += LARGE_PAGES;
            check_large(core, audit, entry, below);
        } else if level > 1 {
            let flags = entry.flags().difference(PageTableFlags::ACCESSED);
            let plain = PageTableFlags::PRESENT | PageTableFlags::WRITABLE;
            audit.expect(flags == plain, "a table's entry has other rights", address.as_u64());
            check_table(core, audit, found, (entry.frame(), level - 1), below, true);
        } else {
            found.pages += 1;
            check_leaf(core, audit, entry, below);
        }
    }
    if level == 1 {
        // The count of a leaf table includes lazy pages, whose entries are absent. So only a lower
        // bound is checked here, and the sum of all counts at the end.
        audit.expect(meta.count() >= used, "a table's count is too small", at);
        found.counted += meta.count() as u64;
        found.empty += u64::from(is_linked && meta.count() == 0);
    } else {
        audit.expect(meta.count() == used, "a table's count is wrong", at);
        let may_be_empty = level == 3 || !is_linked || found.is_lazy;
        audit.expect(may_be_empty || used > 0, "an empty table is linked", at);
    }
}

fn check_owners<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    found: &mut Found,
    meta: &FrameMeta,
    at: u64,
) {
    let Owners::Index(ids) = meta.owners() else { return };
    let index = core.frames.buddy.metas().get(ids.at());
    match index.filter(|index| index.state() == FrameState::Index) {
        Some(index) => audit.expect(index.mark(), "a frame is used twice", at),
        None => audit.note("a leaf table's index is not one", at),
    }
    found.indexes += 1;
}

fn check_leaf<M: Machine>(core: &Core<M>, audit: &mut Audit, entry: Entry, page: Page) {
    let at = entry_address(page);
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
    let at = entry_address(page);
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
