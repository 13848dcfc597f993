//! Tests protections: the accesses that each allows, changes of rights on every CPU, and the
//! classification of faults.

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AccessKind, CpuId, FaultVerdict, PAGE_BYTES, Protection, RegionError, Request, SiteKind,
    Vmalloc,
};

const KINDS: [AccessKind; 3] = [AccessKind::Read, AccessKind::Write, AccessKind::Execute];

fn machine(cpus: u32) -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(400, cpus).set_up(sim::window(4_000), 0, 0);
    let vm = vm.expect("the memory holds the records");
    for cpu in (0..cpus).rev() {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    vm
}

fn allowed(protection: Protection) -> [bool; 3] {
    match protection {
        Protection::ReadOnly => [true, false, false],
        Protection::ReadWrite => [true, true, false],
        Protection::ReadExecute => [true, false, true],
        Protection::None => [false; 3],
    }
}

const ALL: [Protection; 4] =
    [Protection::ReadWrite, Protection::ReadOnly, Protection::ReadExecute, Protection::None];

#[test]
fn every_change_of_rights_holds_on_every_cpu_when_it_returns() {
    let vm = machine(3);
    for (from, to) in ALL.into_iter().flat_map(|from| ALL.map(|to| (from, to))) {
        for pages in [1, 40] {
            let request = Request::try_new(pages * PAGE_BYTES).unwrap().protection(from);
            let mut region = vm.allocate(&request).unwrap();
            let last = region.address() + (pages - 1) * PAGE_BYTES;
            let obeys = |protection: Protection| {
                for cpu in 0..3 {
                    vm.machine().on(CpuId(cpu));
                    let may = KINDS.map(|kind| vm.machine().probe(last, kind).is_ok());
                    assert_eq!(may, allowed(protection), "{from:?} to {to:?} on {cpu}");
                }
                vm.machine().on(CpuId(1));
            };
            obeys(from);
            region.protect(to).unwrap();
            // One CPU accesses the page first, so that its TLB holds a translation with the old
            // rights.
            obeys(to);
            assert_eq!(region.info().protection, to);
            assert!(vm.check().is_sound(), "{:?}", vm.check().violations().next());
        }
        vm.purge();
    }
}

#[test]
fn contents_survive_a_time_without_any_rights() {
    let vm = machine(1);
    let mut region = vm.vmalloc(2 * PAGE_BYTES).unwrap();
    vm.machine().write(region.address() + 4090u64, b"over the edge").unwrap();
    let physical = vm.translate(region.address());
    region.protect(Protection::None).unwrap();
    assert_eq!(vm.translate(region.address()), None);
    region.protect(Protection::ReadOnly).unwrap();
    assert_eq!(vm.translate(region.address()), physical);
    let mut bytes = [0; 13];
    vm.machine().read(region.address() + 4090u64, &mut bytes).unwrap();
    assert_eq!(&bytes, b"over the edge");
    region.protect(Protection::None).unwrap();
    drop(region);
    vm.reclaim();
    assert!(vm.check().is_sound());
}

#[test]
fn a_fault_that_the_entries_allow_by_now_is_spurious() {
    let vm = machine(1);
    let region = vm.vmalloc(PAGE_BYTES).unwrap();
    let address = region.address();
    let verdict = vm.faults().on_fault(address, AccessKind::Write);
    assert!(matches!(verdict, FaultVerdict::Spurious));
    assert_eq!(vm.stats().faults_spurious, 1);
    let refused = |address, kind| match vm.faults().on_fault(address, kind) {
        FaultVerdict::Refused(site) => site.kind,
        FaultVerdict::Spurious => panic!("{address:?} allows {kind:?}"),
    };
    assert_eq!(refused(address, AccessKind::Execute), SiteKind::Busy);
    assert_eq!(refused(address + PAGE_BYTES, AccessKind::Read), SiteKind::Guard);
    drop(region);
    assert_eq!(refused(address, AccessKind::Read), SiteKind::Lazy);
    vm.purge();
    assert_eq!(refused(address, AccessKind::Read), SiteKind::Free);
    assert_eq!(vm.stats().faults_spurious, 1);
}

#[test]
fn rights_are_changed_by_id_and_by_owners_only() {
    let vm = machine(1);
    let region = vm.vmalloc(PAGE_BYTES).unwrap();
    let id = region.id();
    assert_eq!(vm.protect(id, Protection::ReadOnly).unwrap_err(), RegionError::Owned { id });
    let _ = region.into_raw();
    vm.protect(id, Protection::ReadOnly).unwrap();
    let flushes = vm.stats().shootdowns_pages;
    vm.protect(id, Protection::ReadOnly).unwrap();
    assert_eq!(vm.stats().shootdowns_pages, flushes, "the same rights need no flush");
    vm.vfree(id).unwrap();
    assert_eq!(vm.protect(id, Protection::ReadOnly).unwrap_err(), RegionError::Gone { id });
}
