//! Checks that every reservation of tables asks for exactly the number of frames that it uses, and
//! that every table is freed after a shootdown of its own.

use super::Stash;
use super::idle::TABLES_CACHED;
use super::record::{Owners, PlaceState};
use super::span::Span;
use super::{large, reclaim, relocate};
use crate::allocator::Vmalloc;
use crate::page::{LARGE_PAGES, PageCount, PageRange};
use crate::sim;
use crate::sim::SimMachine;
use crate::tlb::Plan;

/// The number of pages below one level-3 entry.
const GIB_PAGES: u64 = 512 * 512;

fn machine() -> Vmalloc<SimMachine> {
    SimMachine::new(600, 1).set_up(sim::window(4 * GIB_PAGES), 0, 0).unwrap()
}

fn range(first: u64, pages: u64) -> PageRange {
    let (offset, count) = (PageCount::from_pages(first), PageCount::from_pages(pages));
    PageRange::within(sim::window(4 * GIB_PAGES), offset.unwrap(), count.unwrap())
}

/// Calls `reserve` without a frame, and then with the number of frames that it asked for. Asserts
/// that it succeeds and leaves no frame. Returns the number.
fn exactly(
    vm: &Vmalloc<SimMachine>,
    mut reserve: impl FnMut(&mut Stash) -> Result<(), u64>,
) -> u64 {
    let mut stash = Stash::new();
    let needed = reserve(&mut stash).err().unwrap_or(0);
    if needed > 0 {
        stash.plain = vm.core.frames.buddy.take(0, needed);
        assert_eq!(reserve(&mut stash), Ok(()), "with {needed} frames");
    }
    assert_eq!(stash.count(), 0, "of {needed} frames");
    needed
}

#[test]
fn small_leaves_need_the_tables_that_are_not_there() {
    let vm = machine();
    let (machine, frames) = (&vm.core.machine, &vm.core.frames.buddy);
    let cases = [
        // The first range needs a table of level 2, its two frames of records, and a leaf table.
        (range(0, 10), 1, 4),
        // Pages of the same slot, of another slot (which needs an index), and of a third slot.
        (range(10, 10), 1, 0),
        (range(20, 10), 2, 1),
        (range(30, 10), 3, 0),
        // Three leaf tables; a range that crosses a GiB boundary; a range after that boundary.
        (range(512 * 3 - 5, 600), 4, 3),
        (range(GIB_PAGES - 5, 10), 5, 5),
        (range(GIB_PAGES + 512 * 5, 512 * 3), 6, 3),
        (range(2 * GIB_PAGES, 1024), 7, 5),
        // A range that crosses half a GiB, where other records begin.
        (range(3 * GIB_PAGES + GIB_PAGES / 2 - 5, 10), 8, 5),
    ];
    for (range, slot, expected) in cases {
        let needed =
            exactly(&vm, |stash| vm.core.tables.reserve(machine, frames, range, slot, stash));
        assert_eq!(needed, expected, "{range:?}");
    }
}

#[test]
fn large_leaves_need_tables_above_them_only() {
    let vm = machine();
    let (machine, frames) = (&vm.core.machine, &vm.core.frames.buddy);
    let cases = [
        // A level-2 table and records; no table; a leaf table for the end; leaf tables for both ends.
        (range(0, 3 * LARGE_PAGES), 1, 3, 3),
        (range(3 * LARGE_PAGES, 2 * LARGE_PAGES), 2, 2, 0),
        (range(6 * LARGE_PAGES, 2 * LARGE_PAGES + 7), 3, 2, 1),
        (range(10 * LARGE_PAGES - 4, 2 * LARGE_PAGES + 8), 4, 2, 2),
        // Fewer large leaves than would fit, in another GiB.
        (range(GIB_PAGES, 4 * LARGE_PAGES), 5, 1, 6),
        (range(2 * GIB_PAGES - LARGE_PAGES, 2 * LARGE_PAGES), 6, 2, 3),
    ];
    for (range, slot, larges, expected) in cases {
        let needed = exactly(&vm, |stash| {
            large::reserve(&vm.core.tables, machine, frames, range, slot, larges, stash)
        });
        assert_eq!(needed, expected, "{range:?}");
    }
}

#[test]
fn a_move_needs_tables_where_none_can_move_to() {
    let cases = [
        // At equal alignment whole tables move: two to one new level-2 table and its records; with
        // an added end of 6 pages; across a GiB boundary with an end of 3 pages.
        (range(0, 1024), range(GIB_PAGES, 1024), 3),
        (range(0, 1024), range(GIB_PAGES, 1030), 4),
        (range(0, 1024 + 3), range(2 * GIB_PAGES - 512, 1024 + 3), 7),
        // At another alignment no leaf table can move.
        (range(0, 1024), range(GIB_PAGES + 1, 1024), 6),
    ];
    for (from, to, expected) in cases {
        let vm = machine();
        let (machine, frames) = (&vm.core.machine, &vm.core.frames.buddy);
        exactly(&vm, |stash| vm.core.tables.reserve(machine, frames, from, 1, stash));
        let said = relocate::missing_for_move(&vm.core.tables, machine, frames, from, to, 1);
        let needed = exactly(&vm, |stash| {
            relocate::relocate(&vm.core.tables, machine, frames, from, to, 1, stash)
        });
        assert_eq!((said, needed), (expected, expected), "{from:?} to {to:?}");
    }
}

/// Frees the unlinked tables after a shootdown, as a purge does. Calls `meanwhile` when every CPU
/// has acknowledged the shootdown. Returns the numbers of freed tables and other frames.
fn free_unlinked(vm: &Vmalloc<SimMachine>, meanwhile: impl FnOnce()) -> (u64, u64) {
    let core = &vm.core;
    let (tables, machine, frames) = (&core.tables, &core.machine, &core.frames.buddy);
    let mut guard = core.tlb.lock(machine);
    let everyone = reclaim::await_unlinked(tables);
    let flushed = core.tlb.shoot(machine, &mut guard, &Plan::full(), everyone).unwrap();
    meanwhile();
    let freed = reclaim::free_unlinked(tables, machine, frames, &flushed);
    let counts = (freed.tables.count(), freed.others.count());
    frames.put(freed.tables);
    frames.put(freed.others);
    counts
}

/// Reserves one page in each of `count` leaf tables from number `first` on, for the slot 1.
fn reserve_pages(vm: &Vmalloc<SimMachine>, first: u64, count: u64) {
    let (machine, frames) = (&vm.core.machine, &vm.core.frames.buddy);
    for table in first..first + count {
        let page = range(table * LARGE_PAGES, 1);
        exactly(vm, |stash| vm.core.tables.reserve(machine, frames, page, 1, stash));
    }
}

/// Lowers the counts of `count` leaf tables from number `first` on by one page.
fn lower_pages(vm: &Vmalloc<SimMachine>, first: u64, count: u64) {
    let (machine, frames) = (&vm.core.machine, &vm.core.frames.buddy);
    let mut detaching = reclaim::detaching(&vm.core.tables);
    for table in first..first + count {
        detaching.lower(machine, frames, range(table * LARGE_PAGES, 1));
    }
    detaching.settle(machine, frames);
}

#[test]
fn a_table_that_is_unlinked_during_a_shootdown_waits_for_the_next_one() {
    let vm = machine();
    let (tables, machine, frames) = (&vm.core.tables, &vm.core.machine, &vm.core.frames.buddy);
    let cached = TABLES_CACHED as u64;
    reserve_pages(&vm, 0, cached + 2);
    // The cache is full, and one table is unlinked. The last table keeps the count of a pin whose
    // caller has not yet seen that the table has another owner.
    lower_pages(&vm, 0, cached + 1);
    let last = Span::only(range((cached + 1) * LARGE_PAGES, 1)).unwrap();
    let freed = free_unlinked(&vm, || tables.unpin(machine, frames, &last));
    assert_eq!(freed, (0, 0), "the shootdown began before a table was unlinked");
    assert!(vm.check().is_sound());
    assert_eq!(free_unlinked(&vm, || ()), (2, 0));
    assert!(vm.check().is_sound());
}

#[test]
fn records_are_hidden_while_their_level_2_table_is_unlinked() {
    let vm = machine();
    let (tables, machine, frames) = (&vm.core.tables, &vm.core.machine, &vm.core.frames.buddy);
    // Each half of the first GiB has records, and a place in each half has a table.
    let half = GIB_PAGES / LARGE_PAGES / 2;
    let pages = [0, half].map(|table| range(table * LARGE_PAGES, 1).start());
    let are_found = || pages.map(|page| tables.records.find(machine, frames, page).is_some());
    let unlink = || {
        lower_pages(&vm, 0, 1);
        lower_pages(&vm, half, 1);
        reclaim::detaching(tables).unlink_cached(machine, frames);
        assert_eq!(are_found(), [false; 2]);
    };
    reserve_pages(&vm, 0, 1);
    reserve_pages(&vm, half, 1);
    assert_eq!(are_found(), [true; 2]);
    unlink();
    // An allocation links everything again, from the frames that were not freed.
    assert_eq!(tables.made().frames(), 1 + 2 + 1 + 2);
    reserve_pages(&vm, 0, 1);
    reserve_pages(&vm, half, 1);
    assert_eq!(are_found(), [true; 2]);
    assert_eq!(tables.made().frames(), 1 + 2 + 1 + 2);
    assert_eq!(free_unlinked(&vm, || ()), (0, 0));
    assert_eq!(are_found(), [true; 2]);
    unlink();
    assert_eq!(free_unlinked(&vm, || ()), (3, 2));
    assert_eq!(tables.made().frames(), 1);
    assert!(vm.check().is_sound());
}

#[test]
fn a_moved_table_takes_its_record_along() {
    let vm = machine();
    let (tables, machine, frames) = (&vm.core.tables, &vm.core.machine, &vm.core.frames.buddy);
    let (from, to) = (range(512, 512), range(3 * GIB_PAGES - 512, 512));
    // The table gets an index, which moves too.
    for (part, slot) in [(range(512, 1), 1), (range(513, 511), 2)] {
        exactly(&vm, |stash| tables.reserve(machine, frames, part, slot, stash));
    }
    let record = |range: PageRange| tables.records.find(machine, frames, range.start()).unwrap();
    let (table, owners) = (record(from).table(), record(from).owners());
    assert!(matches!(owners, Owners::Index(_)));
    exactly(&vm, |stash| relocate::relocate(tables, machine, frames, from, to, 3, stash));
    let here = record(to);
    assert_eq!((here.state(), here.count()), (PlaceState::Linked, 512));
    assert_eq!((here.table(), here.owners()), (table, owners));
    assert_eq!((record(from).state(), record(from).count()), (PlaceState::Vacant, 0));
    // The level-2 table of the old place is empty. It is freed with the old addresses.
    let mut detaching = reclaim::detaching(tables);
    detaching.lower(machine, frames, from);
    detaching.settle(machine, frames);
    drop(detaching);
    assert_eq!(free_unlinked(&vm, || ()), (1, 2));
    assert_eq!(record(to).table(), table);
}
