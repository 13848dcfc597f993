//! Frames of the nodes that the firmware names.

use alloc::vec::Vec;

use vmalloc::{Cpus, Request};

use crate::bare::selftest::failure::{ensure, same, value};
use crate::bare::selftest::{Bench, Outcome};

const PAGES: u64 = 64;

pub(super) fn a_named_node_gives_its_frames(bench: Bench) -> Outcome {
    let vm = bench.vm;
    for node in 0..vm.nodes() {
        let request = value(Request::try_new(PAGES * 4096), "a request")?;
        let request = value(request.only_node(node), "a node")?;
        let region = value(vm.allocate(&request), "frames of a node")?;
        same(vm.frames_per_node(&region.info())[node as usize], PAGES, "frames of the node")?;
    }
    Ok(())
}

pub(super) fn all_nodes_together_have_all_memory(bench: Bench) -> Outcome {
    let vm = bench.vm;
    vm.reclaim();
    let stats = vm.stats();
    let free: Vec<u64> = stats.frames_free_by_node.into_iter().take(vm.nodes() as usize).collect();
    same(free.iter().sum(), stats.frames_free, "free frames of all nodes")?;
    for node in free {
        ensure(node > 1000, "a node has memory")?;
    }
    Ok(())
}

pub(super) fn who_names_no_node_gets_its_own(bench: Bench) -> Outcome {
    let vm = bench.vm;
    let machine = vm.machine();
    let home = machine.node(machine.current());
    let region = value(vm.vmalloc(PAGES * 4096), "pages")?;
    same(vm.frames_per_node(&region.info())[home as usize], PAGES, "frames of the CPU's node")
}
