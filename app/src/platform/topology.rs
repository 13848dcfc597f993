//! The list of CPUs, and the NUMA nodes of CPUs and memory.

use arrayvec::ArrayVec;
use runtime_config::limits::CPUS_MAX;
use vmalloc::NODES;

use crate::platform::memory_map::SPANS_MAX;
use crate::platform::span::Span;
use crate::platform::srat::Affinity;

/// The highest APIC identifier to which an IPI can be sent. The next value, 255, means all CPUs.
const IDENTIFIER_MAX: u32 = 254;

/// A CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// APIC identifier.
    pub identifier: u32,
    /// NUMA node of the CPU.
    pub node: u32,
}

/// The CPUs in the order of their numbers (the BSP is number 0), and the NUMA nodes of ranges of memory. CPUs and
/// memory without information from the firmware belong to node 0.
#[derive(Clone, Debug)]
pub struct Topology {
    cpus: ArrayVec<Cpu, CPUS_MAX>,
    memory: ArrayVec<(Span, u32), SPANS_MAX>,
    /// The proximity domains of the firmware in the order in which they were first named. The index of a domain in this
    /// list is the number of its node.
    domains: ArrayVec<u32, NODES>,
}

impl Topology {
    /// Creates a topology that contains only the BSP, whose APIC identifier is `boot`.
    #[must_use]
    pub fn new(boot: u32) -> Self {
        let cpus = ArrayVec::from_iter([Cpu { identifier: boot, node: 0 }]);
        Self { cpus, memory: ArrayVec::new(), domains: ArrayVec::new() }
    }

    /// Adds the CPU with the APIC identifier `identifier`. The CPU is ignored if it was already added, if IPIs cannot
    /// reach it, or if the maximum number of CPUs is reached.
    pub fn add(&mut self, identifier: u32) {
        let is_known = self.cpus.iter().any(|cpu| cpu.identifier == identifier);
        if identifier <= IDENTIFIER_MAX && !is_known {
            // A CPU beyond the maximum stays in the state in which the firmware left it.
            let _ = self.cpus.try_push(Cpu { identifier, node: 0 });
        }
    }

    /// Sets the node of a CPU that was added, or of a range of memory.
    pub fn place(&mut self, affinity: Affinity) {
        match affinity {
            Affinity::Cpu { identifier, domain } => {
                let node = self.node(domain);
                let cpu = self.cpus.iter_mut().find(|cpu| cpu.identifier == identifier);
                if let Some(cpu) = cpu {
                    cpu.node = node;
                }
            }
            Affinity::Memory { span, domain } => {
                let node = self.node(domain);
                // Memory beyond the maximum stays in node 0.
                let _ = self.memory.try_push((span, node));
            }
        }
    }

    /// Returns the node of a proximity domain. If there are more domains than nodes in the `vmalloc` crate, the last
    /// ones share a node.
    #[expect(clippy::cast_possible_truncation, reason = "there are 4 nodes")]
    fn node(&mut self, domain: u32) -> u32 {
        let known = self.domains.iter().position(|known| *known == domain);
        let place = known.unwrap_or_else(|| {
            let place = self.domains.len().min(NODES - 1);
            let _ = self.domains.try_push(domain);
            place
        });
        place as u32
    }

    /// Returns the CPUs in the order of their numbers.
    #[must_use]
    pub fn cpus(&self) -> &[Cpu] {
        &self.cpus
    }

    /// Splits a range of memory at each address where the node changes. Returns the parts, each with its node.
    pub fn parts(&self, span: Span) -> impl Iterator<Item = (Span, u32)> {
        let mut rest = span;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let here = self.memory.iter().find(|(memory, _)| memory.holds(rest.start));
            let (end, node) = match here {
                Some((memory, node)) => (memory.end, *node),
                // Memory that the firmware assigns to no domain is in node 0, up to the next range with a domain.
                None => {
                    let starts = self.memory.iter().map(|(memory, _)| memory.start);
                    (starts.filter(|start| *start > rest.start).min().unwrap_or(u64::MAX), 0)
                }
            };
            let part = rest.intersection(Span::new(rest.start, end));
            rest = Span::new(part.end, rest.end);
            Some((part, node))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifiers(topology: &Topology) -> Vec<u32> {
        topology.cpus().iter().map(|cpu| cpu.identifier).collect()
    }

    #[test]
    fn the_bsp_is_number_0_at_any_position_in_the_table() {
        let mut topology = Topology::new(4);
        for identifier in [0, 2, 4, 6, 2] {
            topology.add(identifier);
        }
        assert_eq!(identifiers(&topology), [4, 0, 2, 6]);
    }

    #[test]
    fn unreachable_and_surplus_cpus_are_ignored() {
        let mut topology = Topology::new(0);
        topology.add(255);
        assert_eq!(topology.cpus().len(), 1);
        for identifier in 0..100 {
            topology.add(identifier);
        }
        assert_eq!(topology.cpus().len(), 64);
    }

    #[test]
    fn domains_become_nodes_in_the_order_of_mention() {
        let mut topology = Topology::new(0);
        topology.add(1);
        for (identifier, domain) in [(0, 7), (1, 3), (9, 3)] {
            topology.place(Affinity::Cpu { identifier, domain });
        }
        let nodes: Vec<_> = topology.cpus().iter().map(|cpu| cpu.node).collect();
        assert_eq!((nodes, topology.domains.len()), (vec![0, 1], 2));
        for domain in 10..20 {
            topology.place(Affinity::Memory { span: Span::new(0, 1), domain });
        }
        assert_eq!(topology.domains.len(), NODES);
        assert_eq!(topology.memory.last(), Some(&(Span::new(0, 1), 3)));
    }

    #[test]
    fn memory_is_split_where_its_node_changes() {
        let mut topology = Topology::new(0);
        for (start, end, domain) in [(10, 20, 0), (20, 30, 1), (40, 50, 1)] {
            topology.place(Affinity::Memory { span: Span::new(start, end), domain });
        }
        let parts = |start, end| {
            let parts = topology.parts(Span::new(start, end));
            parts.map(|(span, node)| (span.start, span.end, node)).collect::<Vec<_>>()
        };
        assert_eq!(parts(12, 18), [(12, 18, 0)]);
        assert_eq!(parts(15, 25), [(15, 20, 0), (20, 25, 1)]);
        let all = [(5, 10, 0), (10, 20, 0), (20, 30, 1), (30, 40, 0), (40, 50, 1), (50, 60, 0)];
        assert_eq!(parts(5, 60), all);
        assert_eq!(parts(7, 7), []);
    }
}
