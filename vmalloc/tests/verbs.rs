//! Tests the other methods: maps of frames, NUMA nodes, deferred frees, zeroed frames, switches,
//! halted CPUs and CPUs that do not acknowledge.
#![expect(unsafe_code, reason = "maps frames of its own, and halts CPUs")]

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AccessKind, AllocateError, CpuId, FlushKind, FlushMode, Frame, PAGE_BYTES, PhysicalMemory,
    PoolMode, Protection, RegionError, Request, RequestError, Reservation, SiteKind, Stats,
    Vmalloc,
};
use x86_64::VirtAddr;

fn machine(cpus: u32) -> Vmalloc<SimMachine> {
    machine_of(600, cpus)
}

fn machine_of(frames: u64, cpus: u32) -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(frames, cpus).set_up(sim::window(4_000), 0, 0);
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

#[test]
fn frames_of_the_caller_are_mapped_in_order_and_stay_the_callers() {
    let vm = machine(2);
    let run = vm.take_run(4).unwrap();
    let frames = [run.start + 3, run.start, run.start + 2];
    // SAFETY: the run is this test's.
    let region = unsafe { vm.vmap(&frames, Protection::ReadWrite, "test") }.unwrap();
    for (page, frame) in region.range().pages().zip(frames) {
        assert_eq!(vm.translate(page.start_address()), Some(frame.start_address()));
    }
    vm.machine().write(region.address(), b"mapped").unwrap();
    assert_eq!(vm.locate(region.address() + region.bytes()).kind, SiteKind::Guard);
    let mut row = String::new();
    vm.write_row(&region.info(), "test", &mut row).unwrap();
    assert!(row.contains(" test pages=3 vmap\n"), "{row}");
    sound(&vm);
    let (free, address) = (vm.stats().frames_free, region.address());
    vm.vunmap(region);
    for cpu in [0, 1] {
        vm.machine().on(CpuId(cpu));
        assert!(vm.machine().probe(address, AccessKind::Read).is_err());
    }
    vm.reclaim();
    assert!(vm.stats().frames_free >= free, "tables came back, and no frame of the caller");
    sound(&vm);
}

#[test]
fn a_ticket_is_redeemed_by_a_purge_and_by_nothing_less() {
    let vm = machine(2);
    let run = vm.take_run(1).unwrap();
    let mut other = vm.vmalloc(1).unwrap();
    // SAFETY: the run is this test's.
    let region = unsafe { vm.vmap(&[run.start], Protection::ReadWrite, "") }.unwrap();
    let ticket = vm.vunmap_lazy(region);
    assert!(!ticket.is_flushed());
    // This flushes one page of another region only.
    other.protect(Protection::ReadOnly).unwrap();
    assert!(!ticket.is_flushed());
    vm.purge();
    assert!(ticket.is_flushed());
}

#[test]
fn a_ticket_for_what_is_flushed_already_is_redeemed() {
    let vm = machine(2);
    vm.modes().set_flush(FlushMode::Eager);
    let run = vm.take_run(1).unwrap();
    // SAFETY: the run is this test's.
    let region = unsafe { vm.vmap(&[run.start], Protection::ReadWrite, "") }.unwrap();
    let ticket = vm.vunmap_lazy(region);
    // No area is lazy, so a purge would not run a shootdown.
    assert!(ticket.is_flushed());
    // The ticket stays valid when the slot is used by the next region.
    let _next = vm.vmalloc(1).unwrap();
    assert!(ticket.is_flushed());
}

#[test]
fn a_map_has_no_rights_that_its_caller_has_not_promised() {
    use Protection::{None, ReadExecute, ReadOnly, ReadWrite};
    let vm = machine(1);
    let run = vm.take_run(1).unwrap();
    for (promised, others) in [
        (ReadOnly, vec![None, ReadOnly]),
        (ReadWrite, vec![ReadOnly, None, ReadWrite]),
        (ReadExecute, vec![None, ReadOnly, ReadExecute]),
        (None, vec![None]),
    ] {
        // SAFETY: the run is this test's.
        let mut region = unsafe { vm.vmap(&[run.start], promised, "") }.unwrap();
        for rights in [ReadOnly, ReadWrite, ReadExecute, None].into_iter().chain(others.clone()) {
            let before = region.info().protection;
            let result = region.protect(rights);
            if others.contains(&rights) {
                assert_eq!((result, region.info().protection), (Ok(()), rights));
            } else {
                let id = region.id();
                assert_eq!(result, Err(RegionError::NotPromised { id }));
                assert_eq!(region.info().protection, before);
            }
        }
        let id = region.into_raw();
        let is_refused = vm.protect(id, ReadWrite).is_err();
        assert_eq!(is_refused, promised != ReadWrite, "by its id too");
        vm.vfree(id).unwrap();
    }
    sound(&vm);
}

#[test]
fn a_map_that_fails_changes_nothing() {
    let vm = machine(1);
    let run = vm.take_run(1).unwrap();
    let before = vm.stats();
    for kind in [Reservation::Region, Reservation::Area, Reservation::Table] {
        vm.modes().inject(kind, 1);
        // SAFETY: the run is this test's.
        let mapped = unsafe { vm.vmap(&[run.start], Protection::ReadOnly, "") };
        assert!(mapped.is_err(), "{kind:?}");
        let after = vm.stats();
        assert_eq!((after.frames_free, after.pages_free), (before.frames_free, before.pages_free));
        sound(&vm);
    }
    // SAFETY: the list of frames is empty.
    let none = unsafe { vm.vmap(&[], Protection::ReadOnly, "") };
    assert!(matches!(none, Err(AllocateError::TooBig { requested: 0, .. })));
}

#[test]
fn nodes_are_preferred_or_insisted_on() {
    let vm = SimMachine::new(600, 2).with_nodes(2).set_up(sim::window(4_000), 0, 0).unwrap();
    let on = |node| {
        let region = vm.vmalloc_node(8 * PAGE_BYTES, node).unwrap();
        vm.frames_per_node(&region.info())
    };
    assert_eq!((on(0), on(1)), ([8, 0, 0, 0], [0, 8, 0, 0]));
    vm.purge();
    let free = vm.stats().frames_free_by_node[1];
    let all = Request::try_new((free + 8) * PAGE_BYTES).unwrap();
    let error = vm.allocate(&all.only_node(1).unwrap()).unwrap_err();
    assert!(matches!(error, AllocateError::TooBig { .. }), "{error}");
    let held = vm.vmalloc_node(8 * PAGE_BYTES, 1).unwrap();
    let rest = Request::try_new(free * PAGE_BYTES).unwrap();
    let error = vm.allocate(&rest.only_node(1).unwrap()).unwrap_err();
    assert!(matches!(error, AllocateError::FramesExhausted { .. }), "{error}");
    drop(held);
    let region = vm.allocate(&all.prefer_node(1).unwrap()).unwrap();
    let counts = vm.frames_per_node(&region.info());
    assert!(counts[0] > 0 && counts[1] > counts[0], "{counts:?}");
    assert_eq!(counts[0] + counts[1], free + 8);
    let mut row = String::new();
    vm.write_row(&region.info(), "", &mut row).unwrap();
    assert!(row.contains(&format!(" N0={} N1={}\n", counts[0], counts[1])), "{row}");
    drop(region);
    vm.reclaim();
    sound(&vm);
    let error = Request::try_new(1).unwrap().only_node(4).unwrap_err();
    assert_eq!(error, RequestError::Node { node: 4, limit: 4 });
}

#[test]
fn a_deferred_free_happens_at_the_next_purge() {
    let vm = machine(2);
    let id = vm.vmalloc(3 * PAGE_BYTES).unwrap().into_raw();
    let address = vm.info(id).unwrap().range.address();
    vm.free_deferred(id).unwrap();
    assert_eq!(vm.free_deferred(id).unwrap_err(), RegionError::Gone { id });
    assert_eq!(vm.vfree(id).unwrap_err(), RegionError::Gone { id });
    vm.machine().probe(address, AccessKind::Read).expect("it is mapped still");
    vm.purge();
    assert!(vm.machine().probe(address, AccessKind::Read).is_err());
    assert_eq!(vm.info(id).unwrap_err(), RegionError::Gone { id });
    sound(&vm);
}

#[test]
fn frames_cleared_ahead_are_taken_by_who_wants_zeros() {
    let vm = machine(1);
    assert_eq!(vm.fill_zeroed(10), 10);
    assert_eq!(vm.stats().frames_zeroed, 10);
    sound(&vm);
    let region = vm.vzalloc(12 * PAGE_BYTES).unwrap();
    let stats = vm.stats();
    assert_eq!((stats.zeroed_hits, stats.zeroed_misses), (10, 2));
    let mut bytes = vec![1; 12 * 4096];
    vm.machine().read(region.address(), &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
    // A request without a node takes frames of other nodes if its own node has none.
    let _neighbour = vm.vmalloc(PAGE_BYTES).unwrap();
    vm.fill_zeroed(5);
    let ready = vm.stats().frames_zeroed;
    drop(vm.vmalloc(PAGE_BYTES).unwrap());
    assert_eq!(vm.stats().frames_zeroed, ready);
    sound(&vm);
}

#[test]
fn an_eager_window_faults_at_once() {
    let vm = machine(2);
    vm.modes().set_flush(FlushMode::Eager);
    let region = vm.vmalloc(PAGE_BYTES).unwrap();
    let address = region.address();
    vm.machine().on(CpuId(1));
    vm.machine().probe(address, AccessKind::Read).unwrap();
    vm.machine().on(CpuId(0));
    drop(region);
    for cpu in [0, 1] {
        vm.machine().on(CpuId(cpu));
        assert!(vm.machine().probe(address, AccessKind::Read).is_err(), "CPU {cpu}");
    }
    assert_eq!(vm.stats().areas_lazy, 0);
}

/// CPU 1 caches translations and halts; CPU 0 continues.
fn remember_and_sleep(vm: &Vmalloc<SimMachine>, addresses: &[VirtAddr]) {
    vm.machine().on(CpuId(1));
    for address in addresses {
        vm.machine().probe(*address, AccessKind::Read).expect("a page that is mapped");
    }
    // SAFETY: the CPU accesses no memory until it calls `leave_idle`.
    unsafe { vm.enter_idle() };
    vm.machine().set_asleep(true);
    vm.machine().on(CpuId(0));
}

#[test]
fn a_sleeper_is_not_interrupted_but_flushes_when_it_wakes() {
    let vm = machine(2);
    let region = vm.vmalloc(PAGE_BYTES).unwrap();
    let address = region.address();
    remember_and_sleep(&vm, &[address]);
    let before = vm.stats();
    drop(region);
    assert_eq!(vm.purge().areas, 1);
    let after = vm.stats();
    assert_eq!(after.interrupts, before.interrupts);
    assert_eq!(after.cpus_skipped, before.cpus_skipped + 1);
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    vm.machine().set_asleep(false);
    assert!(vm.machine().probe(address, AccessKind::Read).is_err());
}

#[test]
fn a_sleeper_is_interrupted_before_a_table_is_freed() {
    let vm = machine(2);
    // The region has a leaf table of its own, so the table is freed with it.
    let region = vm.vmalloc(PAGE_BYTES).unwrap();
    let address = region.address();
    remember_and_sleep(&vm, &[address]);
    let before = vm.stats();
    drop(region);
    // The machine asserts that no CPU, halted or not, has cached a table that is freed.
    vm.reclaim();
    let after = vm.stats();
    assert_eq!(after.interrupts, before.interrupts + 1);
    assert!(after.table_pages < before.table_pages);
}

#[test]
fn a_cpu_that_does_not_answer_is_counted_and_its_memory_stays_lazy() {
    let vm = machine(2);
    let region = vm.vmalloc(PAGE_BYTES).unwrap();
    let address = region.address();
    vm.machine().on(CpuId(1));
    vm.machine().probe(address, AccessKind::Read).unwrap();
    vm.machine().deafen(Some(CpuId(1)));
    vm.machine().on(CpuId(0));
    let (free, interrupts) = (vm.stats().frames_free, vm.stats().interrupts);
    drop(region);
    let purged = vm.purge();
    assert_eq!((purged.areas, purged.pages), (0, 0));
    let stats = vm.stats();
    assert_eq!(stats.interrupts, interrupts + 1, "one is enough, however long it takes");
    assert_eq!((stats.laggards, stats.areas_lazy, stats.frames_free), (1, 1, free));
    sound(&vm);
    vm.machine().deafen(None);
    let purged = vm.purge();
    assert_eq!((purged.areas, purged.flush), (1, FlushKind::Pages));
    assert_eq!((vm.stats().areas_lazy, vm.stats().frames_free), (0, free + 1));
    vm.machine().on(CpuId(1));
    assert!(vm.machine().probe(address, AccessKind::Read).is_err());
    sound(&vm);
}

#[test]
fn a_cpu_two_generations_behind_does_not_follow_the_last_plan() {
    let vm = machine(2);
    let [first, second] = [vm.vmalloc(1).unwrap(), vm.vmalloc(1).unwrap()];
    let addresses = [first.address(), second.address()];
    remember_and_sleep(&vm, &addresses);
    let flushes = |stats: Stats| (stats.flushes_full, stats.flushes_by_page);
    let (full, by_page) = flushes(vm.stats());
    for region in [first, second] {
        drop(region);
        assert_eq!(vm.purge().flush, FlushKind::Pages);
    }
    assert_eq!(flushes(vm.stats()), (full, by_page + 2));
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    vm.machine().set_asleep(false);
    assert_eq!(flushes(vm.stats()), (full + 1, by_page + 2));
    for address in addresses {
        assert!(vm.machine().probe(address, AccessKind::Read).is_err());
    }
}

#[test]
fn what_is_lazy_is_bounded_and_flushes_are_shared() {
    let vm = SimMachine::new(3_000, 1).set_up(sim::window(60_000), 0, 0).unwrap();
    let total = vm.stats().frames_total;
    for _ in 0..2_000 {
        drop(vm.vmalloc(3 * PAGE_BYTES).unwrap());
        assert!(vm.stats().pages_lazy <= total / 16 + 4, "{}", vm.stats().pages_lazy);
    }
    let stats = vm.stats();
    assert!(stats.purges >= 2_000 * 4 / (total / 16 + 4), "{} purges", stats.purges);
    assert!(stats.purges <= 100, "{} purges for 2000 frees", stats.purges);
    assert_eq!(stats.shootdowns[0], stats.purges, "all of them because enough was lazy");
}

#[test]
fn a_page_that_rested_is_mapped_again() {
    let vm = machine(1);
    let other = vm.vmalloc(PAGE_BYTES).unwrap();
    let region = vm.vmalloc(100).unwrap();
    let address = region.address();
    let frame = vm.translate(address);
    drop(region);
    assert_eq!(vm.purge().areas, 1);
    assert_eq!(vm.translate(address), None);
    let again = vm.vmalloc(200).unwrap();
    assert_eq!((again.address(), vm.translate(address)), (address, frame));
    vm.machine().write(address, b"mapped").unwrap();
    assert_eq!(vm.locate(address).region.unwrap().id, again.id());
    assert_eq!(vm.locate(other.address()).region.unwrap().id, other.id());
    sound(&vm);
}

#[test]
fn a_purge_frees_what_every_cpu_has_freed() {
    let vm = machine_of(20_000, 2);
    let regions: Vec<_> = (0..5).map(|_| vm.vmalloc(3 * PAGE_BYTES).unwrap()).collect();
    let long = vm.vmalloc(300 * PAGE_BYTES).unwrap();
    for (number, region) in (0..).zip(regions) {
        vm.machine().on(CpuId(u32::from(number > 1)));
        drop(region);
    }
    drop(long);
    vm.machine().on(CpuId(0));
    let purged = vm.purge();
    assert_eq!((purged.areas, purged.pages), (6, 5 * 4 + 301));
    // All areas are in pools: the short ones in the pool of the CPU that freed them, the long one
    // in the shared shelf.
    assert_eq!(vm.stats().pages_pooled, 5 * 4 + 301);
    sound(&vm);
    vm.reclaim();
    assert_eq!(vm.stats().pages_pooled, 0);
}

#[test]
fn as_much_rests_as_may_and_nothing_that_must_not() {
    let vm = machine_of(20_000, 2);
    let free_many = || {
        let regions: Vec<_> = (0..100).map(|_| vm.vmalloc(3 * PAGE_BYTES).unwrap()).collect();
        drop(regions);
        assert_eq!(vm.purge().areas, 100);
    };
    free_many();
    // The pools of two CPUs share an eighth of the window of 4,000 pages: 250 pages each, which are
    // 62 areas of 4 pages.
    assert_eq!(vm.stats().pages_pooled, 62 * 4);
    sound(&vm);
    vm.modes().set_pools(PoolMode::Off);
    assert_eq!(vm.stats().pages_pooled, 0);
    free_many();
    assert_eq!(vm.stats().pages_pooled, 0);
    vm.modes().set_pools(PoolMode::On);
    drop(vm.allocate(&Request::try_new(PAGE_BYTES).unwrap().system()).unwrap());
    assert_eq!((vm.purge().areas, vm.stats().pages_pooled), (1, 0), "the kernel's own");
    sound(&vm);
}

#[test]
fn the_machine_hears_of_every_frame_that_is_freed() {
    let vm = machine(1);
    let regions = [1, 1, 3, 3].map(|pages| vm.vmalloc(pages * PAGE_BYTES).unwrap());
    let pages = regions.iter().flat_map(|region| region.range().pages());
    let physical = pages.map(|page| vm.translate(page.start_address()).unwrap());
    let frames: Vec<_> = physical.map(Frame::containing_address).collect();
    drop(regions);
    vm.purge();
    for frame in frames {
        // SAFETY: violated on purpose: the machine must detect the write to a freed frame.
        unsafe { vm.machine().pointer(frame).write(1) };
        assert_eq!(vm.machine().spoilt(&[].into()), Some(frame));
        // SAFETY: the poison, as it was.
        unsafe { vm.machine().pointer(frame).write(0xa5) };
        assert_eq!(vm.machine().spoilt(&[].into()), None);
    }
}

#[test]
fn nobody_waits_for_a_cpu_that_has_not_started() {
    let vm = SimMachine::new(600, 3).set_up(sim::window(4_000), 0, 0).unwrap();
    vm.leave_idle();
    drop(vm.vmalloc(PAGE_BYTES).unwrap());
    vm.reclaim();
    assert_eq!((vm.stats().interrupts, vm.stats().cpus_skipped), (0, 0));
    assert_eq!(vm.stats().areas_lazy, 0);
}

#[test]
fn a_purge_of_nothing_flushes_nothing() {
    let vm = machine(2);
    drop(vm.vmalloc(PAGE_BYTES).unwrap());
    assert_eq!(vm.purge().flush, FlushKind::Pages);
    let generation = vm.check().generation;
    let purged = vm.purge();
    assert_eq!((purged.areas, purged.pages, purged.flush), (0, 0, FlushKind::None));
    assert_eq!(vm.check().generation, generation);
}
