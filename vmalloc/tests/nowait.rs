//! Requests that must not wait for other CPUs: they take everything that is free or cached, and fail
//! where only a flush could release more. CPU 1 does not answer in these tests.

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AllocateError, CpuId, Huge, PAGE_BYTES, PageCount, Region, Request, Resize, ResizeError,
    Resized, Stats, Vmalloc,
};

fn machine(frames: u64) -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(frames, 2).set_up(sim::window(60_000), 0, 0);
    let vm = vm.expect("the memory holds the records");
    for cpu in [1, 0] {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    vm.machine().deafen(Some(CpuId(1)));
    vm
}

fn nowait(pages: u64) -> Request {
    Request::try_new(pages * PAGE_BYTES).expect("a size").nowait()
}

/// Allocates single pages until the memory is used up.
fn fill(vm: &Vmalloc<SimMachine>) -> Vec<Region<'_, SimMachine>> {
    let regions: Vec<_> = std::iter::from_fn(|| vm.allocate(&nowait(1)).ok()).collect();
    assert!(regions.len() > 100);
    regions
}

/// Asserts that no shootdown has begun and no CPU was interrupted or awaited.
fn has_not_waited(vm: &Vmalloc<SimMachine>, before: &Stats) {
    let waits = |stats: &Stats| (stats.generation, stats.interrupts, stats.laggards, stats.purges);
    assert_eq!(waits(&vm.stats()), waits(before));
    assert!(vm.check().is_sound());
}

#[test]
fn lazy_memory_is_not_waited_for() {
    let vm = machine(600);
    let mut regions = fill(&vm);
    let before = vm.stats();
    regions.truncate(regions.len() - 2);
    assert_eq!(vm.stats().pages_lazy, 4);
    for request in [nowait(2), nowait(2).zeroed()] {
        let error = vm.allocate(&request).unwrap_err();
        assert_eq!(error, AllocateError::WouldWait { pages_lazy: 4 });
    }
    has_not_waited(&vm, &before);
    // A request that may wait asks the CPU, and succeeds when the CPU answers.
    vm.machine().deafen(None);
    drop(vm.vmalloc(PAGE_BYTES).unwrap());
    assert!(vm.stats().interrupts > before.interrupts);
}

#[test]
fn exhaustion_is_reported_if_no_flush_could_help() {
    let vm = machine(600);
    let regions = fill(&vm);
    let before = vm.stats();
    let error = vm.allocate(&nowait(1)).unwrap_err();
    assert!(matches!(error, AllocateError::FramesExhausted { .. }), "{error}");
    let all = PageCount::from_pages(before.frames_total + 1).unwrap();
    let too_big = Request::try_new(all.bytes()).unwrap().nowait();
    let error = vm.allocate(&too_big).unwrap_err();
    assert!(matches!(error, AllocateError::TooBig { .. }), "{error}");
    has_not_waited(&vm, &before);
    drop(regions);
}

#[test]
fn memory_in_pools_is_taken() {
    let vm = machine(600);
    let regions = fill(&vm);
    let pages = regions.len() as u64;
    vm.machine().deafen(None);
    drop(regions);
    vm.purge();
    vm.machine().deafen(Some(CpuId(1)));
    let before = vm.stats();
    assert!(before.pages_pooled > 0);
    // The frames lie in pools, magazines and with areas. Together they suffice.
    let region = vm.allocate(&nowait(pages - 1)).unwrap();
    has_not_waited(&vm, &before);
    drop(region);
}

#[test]
fn large_leaves_are_not_waited_for() {
    let vm = machine(4_096);
    vm.machine().deafen(None);
    // A cached table lies where the large leaf would be.
    drop(vm.vmalloc(600 * PAGE_BYTES).unwrap());
    vm.purge();
    vm.machine().deafen(Some(CpuId(1)));
    let before = vm.stats();
    let _small = vm.allocate(&nowait(512).huge(Huge::Try).unwrap()).unwrap();
    let result = vm.allocate(&nowait(512).huge(Huge::Must).unwrap());
    assert!(matches!(result, Ok(_) | Err(AllocateError::WouldWait { .. })), "{result:?}");
    has_not_waited(&vm, &before);
}

#[test]
fn a_region_grows_in_place_and_does_nothing_else() {
    let vm = machine(600);
    let mut region = vm.vmalloc(2 * PAGE_BYTES).unwrap();
    let before = vm.stats();
    let to = |pages: u64| Resize::to(pages * PAGE_BYTES).nowait();
    assert_eq!(region.resize(&to(3)), Ok(Resized::Grown));
    assert_eq!(region.resize(&to(3)), Ok(Resized::Same));
    let would_wait = Err(ResizeError::Allocate(AllocateError::WouldWait { pages_lazy: 0 }));
    assert_eq!(region.resize(&to(1)), would_wait);
    let behind = vm.vmalloc(PAGE_BYTES).unwrap();
    assert_eq!(region.resize(&to(200)), would_wait, "the region would have to move");
    assert_eq!(region.range().count().get(), 3);
    has_not_waited(&vm, &before);
    // The addresses behind the region are in a pool.
    vm.machine().deafen(None);
    drop(behind);
    vm.purge();
    vm.machine().deafen(Some(CpuId(1)));
    let before = vm.stats();
    assert!(before.pages_pooled > 0);
    assert_eq!(region.resize(&to(20)), Ok(Resized::Grown));
    has_not_waited(&vm, &before);
}
