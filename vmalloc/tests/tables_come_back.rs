//! Tests that frames of page tables, indexes and records come back when the regions over them are
//! gone. The bounds: at most 64 empty leaf tables stay cached until a reclaim, and a leaf table has at
//! most one index.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use vmalloc::sim::{self, SimMachine};
use vmalloc::{PAGE_BYTES, Region, Resize, Stats, Vmalloc};

fn machine() -> Vmalloc<SimMachine> {
    SimMachine::new(2_000, 1).set_up(sim::window(1 << 16), 0, 0).unwrap()
}

/// Frames that are free or that belong to cached tables, and the frames of all other tables.
fn frames(stats: &Stats) -> (u64, u64) {
    let cached = stats.table_pages_cached;
    (stats.frames_free + cached, stats.table_pages - cached)
}

/// Asserts that all frames of `before` are back, except for one index for each of `tables` leaf
/// tables that are in use.
fn assert_back(vm: &Vmalloc<SimMachine>, before: &Stats, tables: u64) {
    let ((free, used), (free_before, used_before)) = (frames(&vm.stats()), frames(before));
    assert!(used - used_before <= tables, "{used} frames of tables, {used_before} before");
    assert_eq!(free + used, free_before + used_before);
    assert!(vm.check().is_sound());
}

/// One region shares a leaf table with a region that stays, as in the image. The index stays as long
/// as the table is in use.
#[test]
fn a_table_in_use_keeps_at_most_one_index() {
    let vm = machine();
    let stays = vm.vmalloc(PAGE_BYTES).unwrap();
    let before = vm.stats();
    for _ in 0..3 {
        drop(vm.vmalloc(PAGE_BYTES).unwrap());
        vm.purge();
        assert_back(&vm, &before, 1);
    }
    drop(stays);
    vm.reclaim();
    let at_start = machine().stats();
    assert_eq!(frames(&vm.stats()), frames(&at_start));
}

/// All regions of a shared table go. The table is cached, and keeps its index for the next regions.
#[test]
fn a_cached_table_keeps_at_most_one_index() {
    let vm = machine();
    let before = vm.stats();
    for _ in 0..3 {
        let both: Vec<Region<'_, SimMachine>> =
            (0..2).map(|_| vm.vmalloc(PAGE_BYTES).unwrap()).collect();
        drop(both);
        vm.purge();
        let after = vm.stats();
        // While a leaf table is cached, the level-2 table above it and its two frames of records stay
        // too.
        assert_eq!(after.table_pages_cached, 1);
        assert_eq!(after.table_pages - before.table_pages, 2 + 3);
        assert_eq!(after.frames_free, before.frames_free - 5);
    }
    vm.reclaim();
    assert_eq!(frames(&vm.stats()), frames(&before));
    assert!(vm.check().is_sound());
}

/// Regions that come and go beside others do not use more and more frames.
#[test]
fn churn_beside_a_region_that_stays_uses_no_frames_for_good() {
    let vm = machine();
    let mut stays = vm.vmalloc(100 * PAGE_BYTES).unwrap();
    let before = vm.stats();
    for round in 0..20 {
        let others: Vec<_> =
            (0..30).map(|number| vm.vmalloc((1 + number % 5) * PAGE_BYTES).unwrap()).collect();
        drop(others);
        stays.resize(&Resize::to((50 + round) * PAGE_BYTES)).unwrap();
        vm.purge();
    }
    stays.resize(&Resize::to(100 * PAGE_BYTES)).unwrap();
    vm.purge();
    assert_back(&vm, &before, 1);
}
