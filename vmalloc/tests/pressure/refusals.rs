//! Tests that no request is refused as hopeless that a reclaim could serve.

use vmalloc::sim::{self, SimMachine};
use vmalloc::{PAGE_BYTES, PoolMode, Region, Request, Vmalloc};

const GIB: u64 = 1 << 30;

type Regions<'v> = Vec<Region<'v, SimMachine>>;

fn machine() -> Vmalloc<SimMachine> {
    SimMachine::new(200, 1).set_up(sim::window(3 * GIB / PAGE_BYTES), 0, 0).unwrap()
}

/// Allocates a region of one page, and one that is alone in another GiB.
fn near_and_far(vm: &Vmalloc<SimMachine>) -> [Region<'_, SimMachine>; 2] {
    let request = Request::try_new(PAGE_BYTES).unwrap().align(GIB).unwrap();
    let first = vm.vmalloc(PAGE_BYTES).unwrap();
    let region = vm.allocate(&request).unwrap();
    assert!(region.address() - first.address() > GIB / 2, "another level-2 table is needed");
    [first, region]
}

/// Allocates single pages, below leaf tables that exist, until no frame is free.
fn fill(vm: &Vmalloc<SimMachine>) -> Regions<'_> {
    let mut all = Regions::new();
    while vm.stats().frames_free > 0 {
        all.push(vm.vmalloc(PAGE_BYTES).unwrap());
    }
    all
}

#[test]
fn the_tables_of_a_lazy_region_count_for_a_request() {
    let vm = machine();
    let [_near, far] = near_and_far(&vm);
    let _all = fill(&vm);
    drop(far);
    // One page, a leaf table, a level-2 table and its two frames of records.
    let region = vm.vmalloc(5 * PAGE_BYTES).unwrap();
    assert_eq!(vm.stats().frames_free, 0);
    drop(region);
    assert!(vm.check().is_sound());
}

#[test]
fn the_tables_above_a_cached_table_count_for_a_request() {
    let vm = machine();
    let [_near, far] = near_and_far(&vm);
    let _all = fill(&vm);
    drop(far);
    vm.purge();
    vm.modes().set_pools(PoolMode::Off);
    let _last = fill(&vm);
    assert_eq!((vm.stats().frames_free, vm.stats().table_pages_cached), (0, 1));
    // A leaf table, a level-2 table and its two frames of records.
    let region = vm.vmalloc(4 * PAGE_BYTES).unwrap();
    assert_eq!(vm.stats().frames_free, 0);
    drop(region);
    assert!(vm.check().is_sound());
}
