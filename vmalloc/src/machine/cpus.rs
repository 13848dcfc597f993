//! The numbers of CPUs, and sets of CPUs.

use core::fmt;

/// The highest number of CPUs of a window.
pub(crate) const CPUS_MAX: u32 = 64;

/// The number of a CPU, from 0 and below [`Cpus::count`](crate::Cpus::count). It is not the
/// identifier that the hardware uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuId(pub u32);

/// A set of CPUs, in one 64-bit word.
///
/// # Examples
///
/// ```
/// use vmalloc::{CpuId, CpuSet};
///
/// let mut cpus = CpuSet::EMPTY;
/// cpus.insert(CpuId(3));
/// cpus.insert(CpuId(1));
/// assert!(cpus.contains(CpuId(3)) && !cpus.contains(CpuId(0)));
/// assert_eq!(cpus.iter().map(|cpu| cpu.0).collect::<Vec<_>>(), [1, 3]);
/// assert_eq!(cpus.bits(), 0b1010);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuSet(u64);

impl CpuSet {
    /// The set without CPUs.
    pub const EMPTY: Self = Self(0);

    /// Returns the set that contains one CPU.
    ///
    /// # Panics
    ///
    /// If the number of the CPU is 64 or more.
    #[must_use]
    pub fn only(cpu: CpuId) -> Self {
        Self(bit(cpu))
    }

    /// Adds a CPU.
    ///
    /// # Panics
    ///
    /// If the number of the CPU is 64 or more.
    pub fn insert(&mut self, cpu: CpuId) {
        self.0 |= bit(cpu);
    }

    /// Removes a CPU.
    ///
    /// # Panics
    ///
    /// If the number of the CPU is 64 or more.
    pub fn remove(&mut self, cpu: CpuId) {
        self.0 &= !bit(cpu);
    }

    /// Returns whether the set contains a CPU.
    #[must_use]
    pub fn contains(self, cpu: CpuId) -> bool {
        cpu.0 < CPUS_MAX && self.0 & bit(cpu) != 0
    }

    /// Returns whether the set contains no CPU.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the number of CPUs in the set.
    #[must_use]
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Returns the set as a word, in which bit `n` stands for CPU `n`. Hypercalls and interrupt
    /// controllers take such masks.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Returns the CPU with the lowest number.
    #[must_use]
    pub fn first(self) -> Option<CpuId> {
        (self.0 != 0).then(|| CpuId(self.0.trailing_zeros()))
    }

    /// Iterates over the CPUs, from the lowest number on.
    pub fn iter(self) -> impl Iterator<Item = CpuId> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let cpu = rest.first()?;
            rest.remove(cpu);
            Some(cpu)
        })
    }
}

impl FromIterator<CpuId> for CpuSet {
    fn from_iter<I: IntoIterator<Item = CpuId>>(cpus: I) -> Self {
        cpus.into_iter().fold(Self::EMPTY, |mut set, cpu| {
            set.insert(cpu);
            set
        })
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|cpu| cpu.0)).finish()
    }
}

fn bit(cpu: CpuId) -> u64 {
    assert!(cpu.0 < CPUS_MAX, "{cpu:?} is not one of {CPUS_MAX} CPUs");
    1 << cpu.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_set_has_the_cpus_that_were_inserted_and_not_removed() {
        let mut cpus: CpuSet = [63, 0, 7, 7].map(CpuId).into_iter().collect();
        assert_eq!((cpus.len(), cpus.first()), (3, Some(CpuId(0))));
        cpus.remove(CpuId(0));
        assert_eq!(cpus.iter().collect::<Vec<_>>(), [CpuId(7), CpuId(63)]);
        assert_eq!(std::format!("{cpus:?}"), "{7, 63}");
        assert_eq!(cpus.bits(), 1 << 7 | 1 << 63);
        cpus.remove(CpuId(7));
        assert_eq!(cpus, CpuSet::only(CpuId(63)));
        assert!(!cpus.is_empty() && !cpus.contains(CpuId(64)) && CpuSet::EMPTY.is_empty());
    }
}
