//! The parameters and the result of a round.

/// The parameters of a round.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Index of the workload in [`WORKLOADS`](super::WORKLOADS).
    pub workload: usize,
    /// Number of CPUs that run the workload at the same time.
    pub cpus: u32,
    /// Maximum number of loops on each CPU.
    pub loops: u64,
    /// Number of pages of a region, for workloads in which the caller chooses the size.
    pub pages: u64,
    /// Maximum duration of the loops, in microseconds.
    pub us: u64,
    /// Returns the current time in microseconds.
    pub clock: fn() -> u64,
}

/// The result of a round on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuResult {
    /// Number of loops that were completed.
    pub loops: u64,
    /// Duration of these loops in microseconds.
    pub us: u64,
    /// Whether a call failed, which ended the loop.
    pub failed: bool,
    /// The regions that the workload allocated in advance, in percent of the number in Linux. The value is below 100 on
    /// a machine with little memory.
    pub scale: u64,
}

impl CpuResult {
    /// The result of a CPU that has not run.
    pub(super) const NONE: Self = Self { loops: 0, us: 0, failed: true, scale: 0 };
}
