//! Panics in the middle of a method, because a CPU does not answer a flush that cannot wait.

use std::panic::{AssertUnwindSafe, catch_unwind};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{CpuId, Huge, PAGE_BYTES, Protection, Region, Request, Resize, Vmalloc};

/// Returns a machine whose second CPU handles no interrupts.
fn deaf() -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(3_000, 2).set_up(sim::window(20_000), 0, 0).unwrap();
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    vm.machine().on(CpuId(0));
    vm.machine().deafen(Some(CpuId(1)));
    vm
}

fn large(vm: &Vmalloc<SimMachine>) -> Region<'_, SimMachine> {
    vm.allocate(&Request::try_new(600 * PAGE_BYTES).unwrap().huge(Huge::Try).unwrap()).unwrap()
}

/// Asserts that the window serves other code after the panic, and that the CPU that did not answer
/// reaches no page that was freed.
fn assert_serves(vm: &Vmalloc<SimMachine>) {
    vm.machine().deafen(None);
    for pages in 1..20 {
        let mut region = vm.vmalloc(pages * PAGE_BYTES).unwrap();
        vm.machine().fill(region.address(), region.bytes(), 7).unwrap();
        region.resize(&Resize::to(3 * PAGE_BYTES)).unwrap();
        region.protect(Protection::None).unwrap();
    }
    vm.reclaim();
    assert!(vm.stats().areas_lazy == 0 && vm.stats().areas <= 1);
}

#[test]
fn an_owner_whose_change_panics_is_dropped_without_a_second_panic() {
    let changes: [fn(&mut Region<'_, SimMachine>) -> bool; 4] = [
        |region| region.resize(&Resize::to(PAGE_BYTES)).is_ok(),
        |region| region.protect(Protection::ReadOnly).is_ok(),
        |region| region.protect(Protection::None).is_ok(),
        |region| region.resize(&Resize::to(3 * PAGE_BYTES / 2)).is_ok(),
    ];
    for change in changes {
        for is_large in [true, false] {
            let vm = deaf();
            let mut region =
                if is_large { large(&vm) } else { vm.vzalloc(5 * PAGE_BYTES).unwrap() };
            let id = region.id();
            let result = catch_unwind(AssertUnwindSafe(move || change(&mut region)));
            assert!(result.is_err(), "the CPU did not answer");
            assert_serves(&vm);
            assert!(vm.vfree(id).is_err() && Region::from_raw(&vm, id).is_err());
        }
    }
}

#[test]
fn pages_that_a_shrink_cut_off_are_freed_although_it_panics() {
    let vm = deaf();
    let id = vm.vmalloc(9 * PAGE_BYTES).unwrap().into_raw();
    assert!(catch_unwind(AssertUnwindSafe(|| vm.vrealloc(id, 1).is_ok())).is_err());
    assert_eq!(vm.stats().areas_lazy, 1);
    assert_serves(&vm);
    let violations: Vec<_> = vm.check().violations().map(|v| v.to_string()).collect();
    assert!(violations.is_empty(), "{violations:?}");
}
