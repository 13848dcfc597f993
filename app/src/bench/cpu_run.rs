//! A workload on one CPU: its plan, its random numbers, its loop and its result.

use vmalloc::{Machine, PAGE_BYTES, Region, Vmalloc};

use super::plan::{CpuResult, Plan};

/// Loops between two readings of the clock.
const LOOPS_TIMED: u64 = 16;

/// A call that failed.
pub(super) struct StepFailed;

/// The result of one loop.
pub(super) type StepResult = Result<(), StepFailed>;

impl<E: core::error::Error> From<E> for StepFailed {
    fn from(_error: E) -> Self {
        Self
    }
}

/// The run of a workload on one CPU.
pub(super) struct CpuRun<M: Machine + 'static> {
    pub(super) vm: &'static Vmalloc<M>,
    pub(super) plan: Plan,
    /// Frames that were free before the round.
    pub(super) free: u64,
    random: u64,
    pub(super) result: CpuResult,
}

impl<M: Machine> CpuRun<M> {
    pub(super) fn new(vm: &'static Vmalloc<M>, plan: Plan, free: u64, cpu: u64) -> Self {
        let result = CpuResult { scale: 100, ..CpuResult::default() };
        Self { vm, plan, free, random: cpu + 1, result }
    }

    /// Returns the next random number. Each CPU has a sequence of its own, which is the same in every
    /// round.
    pub(super) fn random(&mut self) -> u64 {
        // Marsaglia, "Xorshift RNGs".
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    /// Runs `step` until the number of loops or the time of the plan is reached, or a step fails.
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
        self.vm.machine().write(region.address(), &[byte]).map_err(|_fault| StepFailed)
    }
}
