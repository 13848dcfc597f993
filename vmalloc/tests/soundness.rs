//! Attempts of safe code to reach memory that it does not own.
#![forbid(unsafe_code)]

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AccessKind, CpuId, FaultVerdict, Page, PageCount, PageRange, Region, RegionError, SiteKind,
    Vmalloc,
};
use x86_64::VirtAddr;

fn machine() -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(512, 2).set_up(sim::window(4096), 0, 0);
    vm.expect("the memory holds the records")
}

/// Tables outside the window belong to other code, which may free them during a walk. The level-4
/// entry of the window names a table that a walk outside the window could read too.
#[test]
fn a_walk_outside_the_window_reads_no_table() {
    let vm = machine();
    let behind = vm.window().end();
    for address in [behind, vm.window().address() - 1, VirtAddr::new(5 << 39), VirtAddr::zero()] {
        assert!(vm.walk(address).entries.iter().all(Option::is_none), "{address:?}");
        assert_eq!(vm.translate(address), None);
        let verdict = vm.faults().on_fault(address, AccessKind::Read);
        let FaultVerdict::Refused(site) = verdict else { panic!("{address:?} is {verdict:?}") };
        assert_eq!(site.kind, SiteKind::Outside);
    }
    let inside = vm.walk(behind - 1);
    assert!(inside.entries[0].is_some_and(|entry| entry.is_present()));
}

/// A window at other addresses than those of [`machine`].
fn other_machine() -> Vmalloc<SimMachine> {
    let start = Page::containing_address(VirtAddr::new(0xffff_d000_0000_0000));
    let count = PageCount::from_pages(4096).expect("a small number");
    let window = PageRange::try_new(start, count).expect("a canonical run");
    let vm = SimMachine::new(512, 2).set_up(window, 0, 0);
    vm.expect("the memory holds the records")
}

#[test]
fn a_ticket_asks_the_window_of_its_region() {
    let (ours, theirs) = (machine(), other_machine());
    let ticket = theirs.vunmap_lazy(ours.vmalloc(1).unwrap());
    // The slot with the same number is in a later generation there.
    drop(theirs.vmalloc(1).unwrap());
    theirs.purge();
    assert!(!ticket.is_flushed());
    ours.purge();
    assert!(ticket.is_flushed());
}

#[test]
fn an_unmap_flushes_the_window_of_the_region() {
    let (ours, theirs) = (machine(), other_machine());
    ours.machine().on(CpuId(1));
    ours.leave_idle();
    let region = ours.vmalloc(1).unwrap();
    let start = region.address();
    ours.machine().probe(start, AccessKind::Read).unwrap();
    ours.machine().on(CpuId(0));
    theirs.vunmap(region);
    ours.machine().on(CpuId(1));
    assert!(ours.machine().probe(start, AccessKind::Read).is_err());
}

#[test]
fn a_description_or_an_id_of_another_window_does_no_harm() {
    let (ours, theirs) = (machine(), other_machine());
    let region = ours.vmalloc(2 * 4096).unwrap();
    let info = region.info();
    assert!(theirs.entries(&info).all(|(_, walk)| walk.last().is_none()));
    assert!(theirs.frames_per_node(&info).iter().sum::<u64>() <= 2);
    theirs.write_row(&info, info.caller, &mut String::new()).unwrap();
    let id = region.into_raw();
    assert_eq!(Region::from_raw(&theirs, id).err(), Some(RegionError::Unknown { id: id.get() }));
    // The number names another region there, which has an owner.
    let _owned = theirs.vmalloc(1).unwrap();
    assert_eq!(Region::from_raw(&theirs, id).err(), Some(RegionError::Owned { id }));
    ours.vfree(id).unwrap();
}
