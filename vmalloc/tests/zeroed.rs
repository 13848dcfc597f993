//! Tests frames that idle CPUs clear ahead of time: they are bounded, and other requests take them
//! before anything is flushed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use vmalloc::sim::{self, SimMachine};
use vmalloc::{CpuId, PAGE_BYTES, Region, Request, Vmalloc};

fn machine(frames: u64, nodes: u32) -> Vmalloc<SimMachine> {
    let machine = SimMachine::new(frames, 2).with_nodes(nodes);
    let vm = machine.set_up(sim::window(1 << 16), 0, 0).unwrap();
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    vm.machine().on(CpuId(0));
    vm
}

/// Clears frames ahead of time until no more may be cleared, as the idle loops of all CPUs do.
fn idle(vm: &Vmalloc<SimMachine>) {
    for cpu in [1, 0] {
        vm.machine().on(CpuId(cpu));
        while vm.fill_zeroed(8) > 0 {}
    }
}

#[test]
fn an_eighth_of_the_free_frames_may_be_cleared() {
    for (nodes, rounds) in [(1, 5), (2, 1)] {
        let vm = machine(4_000, nodes);
        let mut held: Vec<Region<'_, SimMachine>> = Vec::new();
        for _ in 0..rounds {
            idle(&vm);
            // No frame is in a magazine.
            let stats = vm.stats();
            assert_eq!(stats.frames_zeroed, stats.frames_free / 8, "{} free", stats.frames_free);
            assert!(vm.check().is_sound());
            held.push(vm.vzalloc(600 * PAGE_BYTES).unwrap());
        }
    }
}

#[test]
fn pairs_on_an_idle_machine_flush_no_more_often_than_without_cleared_frames() {
    let flushes = |is_idle: bool| {
        let vm = machine(8_000, 1);
        let before = vm.stats();
        for number in 0..100 {
            if is_idle {
                idle(&vm);
            }
            drop(vm.vmalloc((1 + number % 7) * PAGE_BYTES).unwrap());
        }
        let after = vm.stats();
        (after.generation - before.generation, after.interrupts - before.interrupts)
    };
    assert_eq!(flushes(true), flushes(false));
}

#[test]
fn plain_requests_take_cleared_frames_before_they_flush() {
    for (nodes, node) in [(1, None), (2, None), (2, Some((1, true))), (2, Some((1, false)))] {
        let vm = machine(4_000, nodes);
        // One region is lazy, and its table is in use by another one.
        let _table = vm.vmalloc(PAGE_BYTES).unwrap();
        drop(vm.vmalloc(PAGE_BYTES).unwrap());
        idle(&vm);
        let before = vm.stats();
        let free = match node {
            Some((node, true)) => before.frames_free_by_node[node as usize],
            _ => before.frames_free,
        };
        let cleared = before.frames_zeroed;
        assert!(cleared > 100);
        // With two nodes, each has about half of the cleared frames.
        let request = Request::try_new((free - cleared / 4) * PAGE_BYTES).unwrap();
        let request = match node {
            None => request,
            Some((node, true)) => request.only_node(node).unwrap(),
            Some((node, false)) => request.prefer_node(node).unwrap(),
        };
        let region = vm.allocate(&request).unwrap();
        let after = vm.stats();
        assert_eq!(after.generation, before.generation, "{node:?}");
        let left = after.frames_zeroed;
        assert!(left < cleared && left + 20 > cleared / 4, "{left} of {cleared} stay cleared");
        assert_eq!(after.zeroed_hits, before.zeroed_hits, "not by a request of zeros");
        assert!(vm.check().is_sound());
        drop(region);
        vm.reclaim();
        assert!(vm.check().is_sound());
    }
}

#[test]
fn tables_take_cleared_frames_of_every_node() {
    let vm = machine(1_000, 2);
    // All plain frames and all of node 0 are taken; the cleared ones of node 1 are left.
    vm.machine().on(CpuId(1));
    while vm.fill_zeroed(8) > 0 {}
    vm.machine().on(CpuId(0));
    let cleared = vm.stats().frames_zeroed;
    assert!(cleared > 20);
    let plain = vm.stats().frames_free - cleared;
    let _most = vm.vmalloc((plain - 8) * PAGE_BYTES).unwrap();
    let _rest: Vec<_> = (0..8).map_while(|_| vm.vmalloc(PAGE_BYTES).ok()).collect();
    let before = vm.stats();
    // Needs a table behind those that exist.
    let _long = vm.vmalloc(10 * PAGE_BYTES).unwrap();
    let request = Request::try_new(PAGE_BYTES).unwrap().align(2 << 20).unwrap();
    let _far = vm.allocate(&request).unwrap();
    let after = vm.stats();
    assert!(after.table_pages > before.table_pages);
    assert_eq!(after.generation, before.generation);
    assert!(vm.check().is_sound());
}
