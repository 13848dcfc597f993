//! The run of a workload on one CPU: its random numbers, its timed loop and its result.

use vmalloc::{Access, PAGE_BYTES, Region, Vmalloc};

use super::first_bytes;
use super::plan::{CpuResult, Plan};

/// Number of loops between two readings of the clock, which keeps the cost of the readings small.
const LOOPS_TIMED: u64 = 16;

/// The error that a call of the workload failed.
pub(super) struct StepFailed;

/// The result of one loop.
pub(super) type StepResult = Result<(), StepFailed>;

impl<E: core::error::Error> From<E> for StepFailed {
    fn from(_error: E) -> Self {
        Self
    }
}

/// The run of a workload on one CPU.
pub(super) struct CpuRun<M: Access + 'static> {
    pub(super) vm: &'static Vmalloc<M>,
    pub(super) plan: Plan,
    /// Number of frames that were free before the round.
    pub(super) free: u64,
    random: u64,
    pub(super) result: CpuResult,
}

impl<M: Access> CpuRun<M> {
    pub(super) fn new(vm: &'static Vmalloc<M>, plan: Plan, free: u64, cpu: u64) -> Self {
        let result = CpuResult { scale: 100, ..CpuResult::default() };
        Self { vm, plan, free, random: cpu + 1, result }
    }

    /// Returns the next random number. Each CPU has its own sequence, which is the same in each round, so that rounds
    /// are comparable.
    pub(super) fn random(&mut self) -> u64 {
        // Marsaglia, "Xorshift RNGs".
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    /// Calls `step` until the number of loops or the time limit of the plan is reached, or a call fails. Records the
    /// number of loops and their duration.
    pub(super) fn measure(&mut self, mut step: impl FnMut(&mut Self) -> StepResult) -> StepResult {
        let start_us = (self.plan.clock)();
        let mut result = Ok(());
        while self.result.loops < self.plan.loops {
            result = step(self);
            if result.is_err() {
                break;
            }
            self.result.loops += 1;
            let is_over = || (self.plan.clock)() - start_us > self.plan.us;
            if self.result.loops.is_multiple_of(LOOPS_TIMED) && is_over() {
                break;
            }
        }
        self.result.us = (self.plan.clock)() - start_us;
        result
    }

    pub(super) fn allocate(&self, pages: u64) -> Result<Region<'static, M>, StepFailed> {
        Ok(self.vm.vmalloc(pages * PAGE_BYTES)?)
    }

    pub(super) fn write(&self, region: &Region<'_, M>, byte: u8) -> StepResult {
        if first_bytes::write(self.vm, region, &[byte]) { Ok(()) } else { Err(StepFailed) }
    }
}
