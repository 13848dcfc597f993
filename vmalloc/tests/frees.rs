//! Frees that must be refused: wrong ones, double ones, and all but one of several concurrent ones.
//! Each returns a typed error and has no effect.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AccessKind, CpuId, Cpus, PAGE_BYTES, Protection, Region, RegionError, RegionId, Resize,
    ResizeError, Vmalloc,
};

fn machine(cpus: u32) -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(400, cpus).set_up(sim::window(4_000), 0, 0);
    let vm = vm.expect("the memory holds the records");
    for cpu in (0..cpus).rev() {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    vm
}

fn sound(vm: &Vmalloc<SimMachine>) {
    let audit = vm.check();
    let violations: Vec<_> = audit.violations().map(|v| v.to_string()).collect();
    assert!(audit.is_sound(), "{violations:?}");
}

/// Returns everything that a free could have changed, as text.
fn snapshot(vm: &Vmalloc<SimMachine>) -> String {
    sound(vm);
    let mut stats = vm.stats();
    stats.frees_refused = 0;
    format!("{stats:?}")
}

/// Asserts that every way to free or change a region by its id returns `error` and has no effect.
fn refused(vm: &Vmalloc<SimMachine>, id: RegionId, error: RegionError) {
    let (before, refusals) = (snapshot(vm), vm.stats().frees_refused);
    assert_eq!(vm.vfree(id).unwrap_err(), error);
    assert_eq!(vm.free_deferred(id).unwrap_err(), error);
    assert_eq!(vm.stats().frees_refused, refusals + 2);
    assert_eq!(vm.protect(id, Protection::None).unwrap_err(), error);
    assert_eq!(vm.resize(id, &Resize::to(1)).unwrap_err(), ResizeError::Region(error));
    assert_eq!(Region::from_raw(vm, id).unwrap_err(), error);
    assert_eq!(snapshot(vm), before);
}

#[test]
fn an_id_that_no_region_ever_had_is_unknown() {
    let vm = machine(1);
    let _living = vm.vmalloc(1).unwrap().into_raw();
    let beyond = u64::from(vm.region_limit()) + 1;
    // A slot that was never used, an invalid slot, and a generation that the slot has not reached.
    for raw in [2, beyond, (1 << 24) - 1, 1 << 24 | 1, (1 << 53) - 1] {
        let id = RegionId::from_raw(raw).unwrap();
        refused(&vm, id, RegionError::Unknown { id: raw });
        assert_eq!(vm.info(id).unwrap_err(), RegionError::Unknown { id: raw });
    }
    for raw in [0, 1 << 24, 1 << 53, u64::MAX] {
        assert_eq!(RegionId::from_raw(raw), None, "{raw:#x} is no id");
    }
}

#[test]
fn an_id_is_never_used_again() {
    let vm = machine(1);
    let first = vm.vmalloc(1).unwrap().into_raw();
    vm.vfree(first).unwrap();
    let gone = RegionError::Gone { id: first };
    refused(&vm, first, gone);
    vm.purge();
    refused(&vm, first, gone);
    let second = vm.vmalloc(1).unwrap().into_raw();
    assert_eq!((second.slot(), second.generation()), (first.slot(), first.generation() + 1));
    refused(&vm, first, gone);
    assert!(vm.info(second).is_ok());
}

#[test]
fn what_has_an_owner_is_freed_by_nobody_else() {
    let vm = machine(1);
    let region = vm.vmalloc(3 * PAGE_BYTES).unwrap();
    let (id, start) = (region.id(), region.address());
    refused(&vm, id, RegionError::Owned { id });
    assert_eq!(vm.vfree_at(start).unwrap_err(), RegionError::Owned { id });
    vm.machine().write(start, b"still there").unwrap();
}

#[test]
fn only_a_first_address_frees() {
    let vm = machine(1);
    let id = vm.vmalloc(3 * PAGE_BYTES).unwrap().into_raw();
    let start = vm.info(id).unwrap().range.address();
    let (bytes, before) = (3 * PAGE_BYTES, snapshot(&vm));
    // Addresses inside the region and in its guard page.
    for offset in [1, 8, PAGE_BYTES, bytes - 1, bytes, bytes + PAGE_BYTES - 1] {
        let address = (start + offset).as_u64();
        let error = vm.vfree_at(start + offset).unwrap_err();
        assert_eq!(error, RegionError::NotRegionStart { address, region_start: start.as_u64() });
    }
    // Addresses behind the guard page, and outside the window on both sides.
    for at in [start + bytes + PAGE_BYTES, vm.window().end(), x86_64::VirtAddr::new(0x1000)] {
        let error = vm.vfree_at(at).unwrap_err();
        let address = at.as_u64();
        assert_eq!(error, RegionError::NotRegionStart { address, region_start: 0 });
    }
    assert_eq!(snapshot(&vm), before);
    vm.vfree_at(start).unwrap();
    let error = vm.vfree_at(start).unwrap_err();
    let address = start.as_u64();
    assert_eq!(error, RegionError::NotRegionStart { address, region_start: 0 }, "freed twice");
}

#[test]
fn the_old_address_of_a_region_that_moved_frees_nothing() {
    let vm = machine(1);
    let id = vm.vmalloc(PAGE_BYTES).unwrap().into_raw();
    let _behind = vm.vmalloc(PAGE_BYTES).unwrap().into_raw();
    let old = vm.info(id).unwrap().range.address();
    let (info, _) = vm.vrealloc(id, 2 * PAGE_BYTES).unwrap();
    let error = vm.vfree_at(old).unwrap_err();
    let address = old.as_u64();
    assert_eq!(error, RegionError::NotRegionStart { address, region_start: 0 });
    vm.purge();
    assert!(vm.vfree_at(old).is_err());
    assert_eq!(vm.vfree_at(info.range.address()).unwrap().id, id);
}

#[test]
fn of_many_cpus_that_free_a_region_one_wins() {
    const CPUS: u32 = 4;
    const ROUNDS: usize = 200;
    let vm = machine(CPUS);
    let start = Barrier::new(CPUS as usize);
    let wins: Vec<AtomicU32> = (0..ROUNDS).map(|_| AtomicU32::new(0)).collect();
    let ids: Vec<RegionId> =
        (0..ROUNDS).map(|_| vm.vmalloc(PAGE_BYTES).unwrap().into_raw()).collect();
    let addresses = ids.iter().map(|id| vm.info(*id).unwrap().range.address());
    let addresses: Vec<_> = addresses.collect();
    let (working, is_over) = (AtomicU32::new(CPUS), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for cpu in 0..CPUS {
            let (vm, start, wins, ids) = (&vm, &start, &wins, &ids);
            let (addresses, working, is_over) = (&addresses, &working, &is_over);
            scope.spawn(move || {
                vm.machine().become_cpu(CpuId(cpu));
                start.wait();
                for (round, id) in ids.iter().enumerate() {
                    // Each CPU frees in another way: by id, by address, deferred, or by an owner.
                    // Exactly one succeeds.
                    let result = match cpu {
                        0 => vm.vfree(*id).map(|_| ()),
                        1 => vm.vfree_at(addresses[round]).map(|_| ()),
                        2 => vm.free_deferred(*id),
                        _ => Region::from_raw(vm, *id).map(drop),
                    };
                    match result {
                        Ok(()) => {
                            wins[round].fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => assert!(
                            matches!(
                                error,
                                RegionError::Gone { .. }
                                    | RegionError::Owned { .. }
                                    | RegionError::NotRegionStart { .. }
                            ),
                            "{error}"
                        ),
                    }
                    vm.acknowledge();
                }
                working.fetch_sub(1, Ordering::SeqCst);
                // The last purge runs after all threads have finished their work. The other CPUs
                // acknowledge its flush.
                if cpu == 0 {
                    while working.load(Ordering::SeqCst) > 0 {
                        vm.acknowledge();
                    }
                    vm.reclaim();
                    is_over.store(true, Ordering::SeqCst);
                }
                while !is_over.load(Ordering::SeqCst) {
                    vm.acknowledge();
                }
            });
        }
    });
    assert!(wins.iter().all(|wins| wins.load(Ordering::SeqCst) == 1), "{wins:?}");
    let stats = vm.stats();
    assert_eq!((stats.frees, stats.areas, stats.areas_lazy), (ROUNDS as u64, 0, 0));
    assert_eq!(vm.machine().count(), CPUS);
    assert!(addresses.iter().all(|at| vm.machine().probe(*at, AccessKind::Read).is_err()));
    sound(&vm);
}

/// Returns the number of purges of 20,000 frees by the only CPU that has started, on a machine with
/// `cpus` CPUs.
fn purges_of_one_cpu(cpus: u32) -> u64 {
    let vm = SimMachine::new(16_384, cpus).set_up(sim::window(60_000), 0, 0);
    let vm = vm.expect("the memory holds the records");
    let limit = vm.stats().frames_total / 16;
    for _ in 0..20_000 {
        drop(vm.vmalloc(PAGE_BYTES).expect("memory is left"));
        assert!(vm.stats().pages_lazy <= limit + 2, "{} of {limit}", vm.stats().pages_lazy);
    }
    vm.stats().purges
}

#[test]
fn one_cpu_that_frees_may_use_the_limit_of_the_whole_machine() {
    let alone = purges_of_one_cpu(1);
    assert!((35..=45).contains(&alone), "{alone} purges on one CPU");
    for cpus in [2, 64] {
        let purges = purges_of_one_cpu(cpus);
        assert!(purges <= alone + alone / 4, "{purges} purges on {cpus} CPUs, {alone} on one");
    }
}

#[test]
fn the_lazy_pages_of_all_cpus_together_have_one_limit() {
    let vm = SimMachine::new(16_384, 8).set_up(sim::window(60_000), 0, 0).unwrap();
    for cpu in (0..8).rev() {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    let limit = vm.stats().frames_total / 16;
    for round in 0..20_000_u32 {
        // Some CPUs free more than others.
        vm.machine().on(CpuId((1 + round % 200).ilog2().min(7)));
        drop(vm.vmalloc(PAGE_BYTES).unwrap());
        assert!(vm.stats().pages_lazy <= limit + 2, "{} of {limit}", vm.stats().pages_lazy);
    }
    // Each purge releases at least three eighths of the limit.
    let (purges, most) = (vm.stats().purges, 20_000 * 2 * 8 / (3 * limit));
    assert!((30..=most).contains(&purges), "{purges} purges, at most {most}");
}

#[test]
fn fast_paths_disable_preemption_and_enable_it_before_they_wait() {
    let vm = machine(2);
    let guards = || vm.machine().preemption_guards();
    let before = guards();
    let region = vm.vmalloc(PAGE_BYTES).unwrap();
    assert!(guards() > before);
    let before = guards();
    drop(region);
    assert!(guards() > before);
    // The machine asserts in each wait that preemption is enabled.
    let before = vm.stats().purges;
    for pages in (1..=5).cycle().take(200) {
        drop(vm.vmalloc(pages * PAGE_BYTES).unwrap());
        assert!(vm.machine().is_preemptible());
    }
    assert!(vm.stats().purges > before);
}
