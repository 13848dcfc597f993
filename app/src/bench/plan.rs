//! The parameters and the result of a round.

/// The parameters of a round.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Index of the workload in [`WORKLOADS`](super::WORKLOADS).
    pub workload: usize,
    /// Number of CPUs that run the workload at once.
    pub cpus: u32,
    /// Maximum number of loops on each CPU.
    pub loops: u64,
    /// Pages of a region, for workloads that let the caller choose.
    pub pages: u64,
    /// Maximum duration of the loops, in microseconds.
    pub us: u64,
    /// Returns the current time in microseconds.
    pub clock: fn() -> u64,
}

/// The result of a round on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuResult {
    /// Loops that were run.
    pub loops: u64,
    /// Duration of these loops in microseconds.
    pub us: u64,
    /// Set if a call failed; the loop ended there.
    pub failed: bool,
    /// Share of the workload's background regions that was allocated, in percent. It is below 100 where
    /// memory is short.
    pub scale: u64,
}

impl CpuResult {
    /// The result of a CPU that has not run.
    pub(super) const NONE: Self = Self { loops: 0, us: 0, failed: true, scale: 0 };
}
