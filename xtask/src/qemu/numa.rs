//! NUMA nodes of a guest: equal parts of its memory and of its CPUs.

/// The arguments that give a guest nodes; none for one node, which needs no word.
pub(super) fn arguments(memory: &str, smp: u32, nodes: u32) -> Vec<String> {
    if nodes < 2 {
        return Vec::new();
    }
    let parts = parts(memory, nodes).unwrap_or_default();
    let mut words = Vec::new();
    for (node, mebibytes) in (0..nodes).zip(parts) {
        let object = format!("memory-backend-ram,id=m{node},size={mebibytes}M");
        words.extend(["-object".to_owned(), object]);
        let (first, end) = (smp * node / nodes, smp * (node + 1) / nodes);
        let cpus = if first < end { format!(",cpus={first}-{}", end - 1) } else { String::new() };
        words.extend(["-numa".to_owned(), format!("node,nodeid={node}{cpus},memdev=m{node}")]);
    }
    words
}

/// Cuts a size, as QEMU's `-m` takes it, into whole MiB, the rest for the last one. `None` where it
/// is no such size or too small.
pub(crate) fn parts(memory: &str, nodes: u32) -> Option<Vec<u64>> {
    let (digits, factor) = match memory.strip_suffix(['G', 'g']) {
        Some(digits) => (digits, 1024),
        None => (memory.strip_suffix(['M', 'm']).unwrap_or(memory), 1),
    };
    let all = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    let part = all / u64::from(nodes);
    let mut parts = vec![part; nodes as usize];
    *parts.last_mut()? += all - part * u64::from(nodes);
    (part > 0).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_cpus_are_dealt_out_evenly() {
        assert_eq!(arguments("512M", 4, 1), Vec::<String>::new());
        assert_eq!(
            arguments("1G", 3, 2).join(" "),
            "-object memory-backend-ram,id=m0,size=512M -numa node,nodeid=0,cpus=0-0,memdev=m0 \
             -object memory-backend-ram,id=m1,size=512M -numa node,nodeid=1,cpus=1-2,memdev=m1"
        );
        assert!(arguments("512M", 1, 2).contains(&"node,nodeid=0,memdev=m0".to_owned()));
    }

    #[test]
    fn sizes_are_those_of_qemu() {
        assert_eq!(parts("100", 3), Some(vec![33, 33, 34]));
        assert_eq!(parts("2G", 2), Some(vec![1024, 1024]));
        for bad in ["", "M", "1T", "-1M", "1M"] {
            assert_eq!(parts(bad, 2), None, "{bad}");
        }
    }
}
