//! A region of a collection can be ended and changed only by the collection.

use allocator_api2::vec::Vec;
use vmalloc::collections::InWindow;
use vmalloc::{
    Direct, Protection, Region, RegionError, RegionId, Resize, ResizeError, SiteKind, Vmalloc,
};
use x86_64::VirtAddr;

use super::machine::HostedMachine;

type Numbers<'v> = Vec<u64, InWindow<'v, HostedMachine>>;

fn address(pointer: *const u64) -> VirtAddr {
    VirtAddr::new((pointer.addr() as u64).wrapping_sub(HostedMachine::DISPLACEMENT))
}

fn id(vm: &Vmalloc<HostedMachine>, numbers: &Numbers<'_>) -> RegionId {
    let site = vm.locate(address(numbers.as_ptr()));
    assert_eq!((site.kind, site.distance), (SiteKind::Busy, 0));
    site.region.unwrap().id
}

/// Asserts that each method that ends or changes a region by its id or address refuses.
fn assert_owned(vm: &Vmalloc<HostedMachine>, numbers: &Numbers<'_>) {
    let id = id(vm, numbers);
    let owned = RegionError::Owned { id };
    assert_eq!(vm.vfree(id).unwrap_err(), owned);
    assert_eq!(vm.vfree_at(address(numbers.as_ptr())).unwrap_err(), owned);
    assert_eq!(vm.free_deferred(id).unwrap_err(), owned);
    assert_eq!(vm.protect(id, Protection::ReadOnly).unwrap_err(), owned);
    for bytes in [1, 4_096, 1 << 20] {
        assert_eq!(vm.vrealloc(id, bytes).unwrap_err(), ResizeError::Region(owned));
        let in_place = Resize::to(bytes).in_place();
        assert_eq!(vm.resize(id, &in_place).unwrap_err(), ResizeError::Region(owned));
    }
    assert_eq!(Region::from_raw(vm, id).unwrap_err(), owned);
}

#[test]
fn a_region_of_a_collection_is_ended_by_the_collection_alone() {
    let vm = HostedMachine::set_up(1_000, 4_000);
    let mut numbers = Vec::with_capacity_in(512, InWindow(&vm));
    numbers.extend(0..512);
    assert_owned(&vm, &numbers);
    numbers.extend(512..2_000);
    assert_owned(&vm, &numbers);
    numbers.truncate(100);
    numbers.shrink_to_fit();
    assert_owned(&vm, &numbers);
    vm.purge();
    assert_eq!(numbers.iter().sum::<u64>(), (0..100).sum());
    assert!(vm.check().is_sound());

    let (id, start) = (id(&vm, &numbers), address(numbers.as_ptr()));
    drop(numbers);
    let gone = RegionError::Gone { id };
    assert_eq!(vm.vfree(id).unwrap_err(), gone);
    assert_eq!(Region::from_raw(&vm, id).unwrap_err(), gone);
    assert_eq!(vm.locate(start).kind, SiteKind::Lazy);
    assert!(vm.check().is_sound());
}

#[test]
fn two_collections_never_have_the_same_bytes() {
    let vm = HostedMachine::set_up(1_000, 4_000);
    let mut first = Vec::with_capacity_in(512, InWindow(&vm));
    first.extend(0..512);
    // Every attempt to end the region of the first collection fails, so the second one gets other
    // pages and frames.
    assert_owned(&vm, &first);
    vm.purge();
    let mut second = Vec::with_capacity_in(512, InWindow(&vm));
    second.resize(512, u64::MAX);
    assert!(first.iter().copied().eq(0..512));
    assert_ne!(id(&vm, &first), id(&vm, &second));
}

#[test]
fn a_region_that_was_leaked_stays_owned() {
    let vm = HostedMachine::set_up(1_000, 4_000);
    let region = vm.vmalloc(4_096).unwrap();
    let id = region.id();
    std::mem::forget(region);
    assert_eq!(vm.vfree(id).unwrap_err(), RegionError::Owned { id });
    assert_eq!(Region::from_raw(&vm, id).unwrap_err(), RegionError::Owned { id });
}
