//! Which CPUs there are, by the numbers that the image gives them.

use arrayvec::ArrayVec;
use runtime_config::limits::CPUS_MAX;

/// The highest identifier that an interrupt can be sent to; the next one means all CPUs.
const IDENTIFIER_MAX: u32 = 254;

/// The CPUs in the order of their numbers. The one that boots is number 0.
#[derive(Clone, Debug)]
pub struct Topology {
    identifiers: ArrayVec<u32, CPUS_MAX>,
}

impl Topology {
    /// Starts with the CPU that boots, by its identifier on the interrupt bus.
    #[must_use]
    pub fn new(boot: u32) -> Self {
        Self { identifiers: ArrayVec::from_iter([boot]) }
    }

    /// Adds a CPU; one that is known already, that no interrupt reaches or that is one too many
    /// is left out.
    pub fn add(&mut self, identifier: u32) {
        if identifier <= IDENTIFIER_MAX && !self.identifiers.contains(&identifier) {
            // One too many stays where the firmware left it.
            let _ = self.identifiers.try_push(identifier);
        }
    }

    /// How many CPUs.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
    pub fn count(&self) -> u32 {
        self.identifiers.len() as u32
    }

    /// The identifiers in the order of the CPUs' numbers.
    #[must_use]
    pub fn identifiers(&self) -> &[u32] {
        &self.identifiers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_that_boots_is_number_0_wherever_it_is_listed() {
        let mut topology = Topology::new(4);
        for identifier in [0, 2, 4, 6, 2] {
            topology.add(identifier);
        }
        assert_eq!(topology.identifiers(), [4, 0, 2, 6]);
    }

    #[test]
    fn what_no_interrupt_reaches_and_what_is_too_many_is_left_out() {
        let mut topology = Topology::new(0);
        topology.add(255);
        assert_eq!(topology.count(), 1);
        for identifier in 0..100 {
            topology.add(identifier);
        }
        assert_eq!(topology.count(), 64);
    }
}
