//! NUMA nodes of a guest: equal parts of its memory and of its CPUs.

use super::memory::Memory;

/// Returns the arguments that give a guest nodes; one node needs no argument.
pub(super) fn arguments(memory: Memory, smp: u32, nodes: u32) -> Vec<String> {
    if nodes < 2 {
        return Vec::new();
    }
    let mut words = Vec::new();
    for (node, mebibytes) in (0..nodes).zip(memory.parts(nodes)) {
        let object = format!("memory-backend-ram,id=m{node},size={mebibytes}M");
        words.extend(["-object".to_owned(), object]);
        let (first, end) = (smp * node / nodes, smp * (node + 1) / nodes);
        let cpus = if first < end { format!(",cpus={first}-{}", end - 1) } else { String::new() };
        words.extend(["-numa".to_owned(), format!("node,nodeid={node}{cpus},memdev=m{node}")]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(mebibytes: usize) -> Memory {
        Memory::of_mebibytes(mebibytes)
    }

    #[test]
    fn memory_and_cpus_are_divided_evenly() {
        assert_eq!(arguments(memory(512), 4, 1), Vec::<String>::new());
        assert_eq!(
            arguments(memory(1024), 3, 2).join(" "),
            "-object memory-backend-ram,id=m0,size=512M -numa node,nodeid=0,cpus=0-0,memdev=m0 \
             -object memory-backend-ram,id=m1,size=512M -numa node,nodeid=1,cpus=1-2,memdev=m1"
        );
        assert!(arguments(memory(512), 1, 2).contains(&"node,nodeid=0,memdev=m0".to_owned()));
    }
}
