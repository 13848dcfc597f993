//! Tests that rows, lists, walks and counters report the actual state.

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AccessKind, Cursor, PageCount, Protection, RegionError, RegionState, Request, SiteKind, Vmalloc,
};

fn machine() -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(400, 1).set_up(sim::window(4_000), 0, 0);
    vm.expect("the memory holds the records")
}

fn rows(vm: &Vmalloc<SimMachine>) -> String {
    let (mut text, mut from) = (String::new(), Cursor::START);
    while let Some((info, next)) =
        vm.next_area(from).filter(|(info, _)| info.state == RegionState::Busy)
    {
        vm.write_row(&info, info.caller, &mut text).expect("a string takes all");
        from = next;
    }
    text
}

#[test]
fn rows_are_those_of_vmallocinfo() {
    let vm = machine();
    let heap = Request::try_new(3 * 4096).unwrap().system().caller("heap");
    let heap = vm.allocate(&heap).unwrap();
    let plain = vm.vmalloc(1).unwrap();
    // Size and end include the guard page; the number of pages does not.
    let expected = "\
0xffffc90000000000-0xffffc90000004000   16384 heap pages=3 vmalloc N0=3
0xffffc90000004000-0xffffc90000006000    8192 pages=1 vmalloc N0=1
";
    assert_eq!(rows(&vm), expected);
    drop((heap, plain));
    // Lazy areas are listed after the busy regions.
    let (first, _) = vm.next_area(Cursor::START).unwrap();
    let mut row = String::new();
    vm.write_row(&first, "", &mut row).unwrap();
    assert!(row.ends_with(" unpurged vm_area\n"), "{row}");
    assert_eq!(rows(&vm), "");
    vm.purge();
    assert!(vm.next_area(Cursor::START).is_none());
}

#[test]
fn a_cursor_from_anywhere_ends_the_listing() {
    let vm = machine();
    drop(vm.vmalloc(1).unwrap());
    for raw in [u64::from(u32::MAX) - 1, u64::from(u32::MAX), u64::from(vm.region_limit())] {
        assert!(vm.next_area(Cursor::from_raw(raw)).is_none(), "{raw:#x}");
    }
    assert!(vm.next_area(Cursor::LAZY).is_some());
}

#[test]
fn the_systems_regions_do_not_use_up_low_ids() {
    let vm = machine();
    let system = Request::try_new(1).unwrap().system();
    let system = vm.allocate(&system).unwrap();
    assert_eq!(system.id().slot(), vm.region_limit());
    assert_eq!(vm.vmalloc(1).unwrap().id().get(), 1);
}

#[test]
fn a_walk_shows_the_rights_of_a_region() {
    let vm = machine();
    let request = Request::try_new(4096).unwrap().protection(Protection::ReadOnly).zeroed();
    let region = vm.allocate(&request).unwrap();
    let walk = vm.walk(region.address());
    assert_eq!(walk.last().unwrap().0, 1);
    assert_eq!(walk.entries[3].unwrap().to_string(), "P NX");
    let physical = vm.translate(region.address() + 7u64).unwrap();
    assert_eq!(physical.as_u64() & 0xfff, 7);
    let machine = vm.machine();
    assert!(machine.probe(region.address(), AccessKind::Write).is_err());
    assert!(machine.probe(region.address(), AccessKind::Execute).is_err());
    machine.probe(region.address(), AccessKind::Read).unwrap();
    assert_eq!(vm.walk(region.address()).entries[3].unwrap().to_string(), "P A NX");
    assert_eq!(vm.translate(region.address() + region.bytes()), None);
}

#[test]
fn every_address_has_a_site() {
    let vm = machine();
    let region = vm.vmalloc(2 * 4096).unwrap();
    let (start, id) = (region.address(), region.id());
    for (address, kind, distance) in [
        (start, SiteKind::Busy, 0),
        (start + 5000u64, SiteKind::Busy, 5000),
        (start + 8192u64, SiteKind::Guard, 0),
        (start + 12287u64, SiteKind::Guard, 4095),
    ] {
        let site = vm.locate(address);
        assert_eq!((site.kind, site.distance), (kind, distance), "{address:?}");
        assert_eq!(site.region.unwrap().id, id);
    }
    assert_eq!(vm.locate(start + 12288u64).kind, SiteKind::Free);
    assert_eq!(vm.locate(x86_64::VirtAddr::new(0x1000)).kind, SiteKind::Outside);
    drop(region);
    assert_eq!(vm.locate(start).kind, SiteKind::Lazy);
    assert_eq!(vm.locate(start + 8192u64).kind, SiteKind::Lazy);
    vm.purge();
    assert_eq!(vm.locate(start).kind, SiteKind::Free);
    assert_eq!(vm.locate(start + 8192u64).kind, SiteKind::Free);
}

#[test]
fn counters_count() {
    let vm = machine();
    let region = vm.vmalloc(4097).unwrap().into_raw();
    assert!(vm.vmalloc(1 << 40).is_err());
    let stats = vm.stats();
    let value = |name| stats.rows().find(|row| row.name == name).unwrap().value;
    assert_eq!(value("allocations"), 1);
    assert_eq!(value("allocations_failed"), 1);
    assert_eq!(value("areas"), 1);
    assert_eq!(value("pages_mapped"), 2);
    assert_eq!(value("frames_used") + value("frames_free"), value("frames_total"));
    vm.vfree(region).unwrap();
    assert!(vm.vfree(region).is_err());
    let stats = vm.stats();
    let value = |name| stats.rows().find(|row| row.name == name).unwrap().value;
    assert_eq!((value("frees"), value("frees_refused"), value("areas")), (1, 1, 0));
    assert_eq!(value("areas_lazy"), 1);
    vm.purge();
    let stats = vm.stats();
    let value = |name| stats.rows().find(|row| row.name == name).unwrap().value;
    // Two pages are few enough to be flushed one by one.
    assert_eq!((value("shootdowns_pages"), value("flushed_pages")), (1, 2));
    assert_eq!((value("shootdowns_demand"), value("areas_lazy")), (1, 0));
}

#[test]
fn a_region_given_up_lives_until_it_is_taken_back() {
    let vm = machine();
    let region = vm.vzalloc(1).unwrap();
    let id = region.id();
    // A region with an owner cannot be freed by its id or get a second owner.
    assert_eq!(vm.vfree(id).unwrap_err(), RegionError::Owned { id });
    assert_eq!(vm.vfree_at(region.address()).unwrap_err(), RegionError::Owned { id });
    assert_eq!(vmalloc::Region::from_raw(&vm, id).unwrap_err(), RegionError::Owned { id });
    assert_eq!(region.into_raw(), id);
    let region = vmalloc::Region::from_raw(&vm, id).unwrap();
    assert_eq!(region.id(), id);
    drop(region);
    assert!(vmalloc::Region::from_raw(&vm, id).is_err());
}

#[test]
fn an_owner_zeroes_any_part_of_what_nobody_may_write() {
    let vm = machine();
    let request = Request::try_new(3 * 4096).unwrap().protection(Protection::ReadOnly);
    let mut region = vm.allocate(&request).unwrap();
    let start = region.address();
    let page = |number: u64| {
        let mut bytes = [1; 4096];
        vm.machine().read(start + number * 4096, &mut bytes).unwrap();
        bytes.iter().all(|byte| *byte == 0)
    };
    assert_eq!([0, 1, 2].map(page), [false; 3], "fresh frames hold poison");
    region.zero(PageCount::ONE, PageCount::ONE);
    assert_eq!([0, 1, 2].map(page), [false, true, false]);
}
