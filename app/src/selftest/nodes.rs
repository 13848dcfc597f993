//! Tests that frames are allocated on the NUMA nodes that the firmware reports.

use alloc::vec::Vec;

use core::sync::atomic::{AtomicU64, Ordering};

use runtime_config::limits::CPUS_MAX;
use vmalloc::{Cpus, Request};

use crate::hardware::machine::Window;
use crate::selftest::aps;
use crate::selftest::failed_check::{ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};

const PAGES: u64 = 64;

pub(super) fn a_named_node_gives_its_frames(fixture: Fixture) -> TestResult {
    let vm = fixture.vm;
    for node in 0..vm.nodes() {
        let request = value(Request::try_new(PAGES * 4096), "a request")?;
        let request = value(request.only_node(node), "a node")?;
        let region = value(vm.allocate(&request), "frames of a node")?;
        same(vm.frames_per_node(&region.info())[node as usize], PAGES, "frames of the node")?;
    }
    Ok(())
}

pub(super) fn all_nodes_together_have_all_memory(fixture: Fixture) -> TestResult {
    let vm = fixture.vm;
    vm.reclaim();
    let stats = vm.stats();
    let free: Vec<u64> = stats.frames_free_by_node.into_iter().take(vm.nodes() as usize).collect();
    same(free.iter().sum(), stats.frames_free, "free frames of all nodes")?;
    for node in free {
        ensure(node > 1000, "a node has memory")?;
    }
    Ok(())
}

pub(super) fn the_default_node_is_that_of_the_cpu(fixture: Fixture) -> TestResult {
    // The test machine has the BSP on the first node and the APs on the remaining nodes.
    count_own_frames(fixture.vm, 0);
    aps::start_all(fixture, count_own_frames)?;
    aps::await_all(fixture)?;
    for cpu in 0..fixture.vm.machine().count() {
        let own = OWN[cpu as usize].load(Ordering::Acquire);
        same(own, PAGES, "frames of the CPU's node")?;
    }
    let cpus = fixture.vm.machine().topology().cpus();
    let is_used = |node| cpus.iter().any(|cpu| cpu.node == node);
    ensure(cpus.len() < 2 || (0..fixture.vm.nodes()).all(is_used), "a node without a CPU")
}

/// For each CPU, the number of allocated frames that are on the node of this CPU.
static OWN: [AtomicU64; CPUS_MAX] = [const { AtomicU64::new(0) }; CPUS_MAX];

fn count_own_frames(vm: &'static Window, cpu: usize) {
    // The node is taken from the firmware's table, so that the `Cpus` implementation is tested, too.
    let home = vm.machine().topology().cpus()[cpu].node;
    let own = vm
        .vmalloc(PAGES * 4096)
        .map_or(0, |region| vm.frames_per_node(&region.info())[home as usize]);
    OWN[cpu].store(own, Ordering::Release);
}
