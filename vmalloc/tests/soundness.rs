//! Attempts of safe code to reach memory that it does not own.
#![forbid(unsafe_code)]

use vmalloc::sim::{self, SimMachine};
use vmalloc::{AccessKind, FaultVerdict, SiteKind, Vmalloc};
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
