//! Workloads that allocate and free regions while many other regions exist.

use vmalloc::Access;

use crate::bench::cpu_run::{CpuRun, StepFailed, StepResult};
use crate::bench::held::Held;

/// Number of free one-page holes for each doubling of the number of CPUs.
const HOLES: u64 = 8192;
/// Number of one-page regions that exist during the workload `long_busy_list_alloc_test`.
const BUSY: u64 = 15_000;
/// Number of pages of the long region.
const LONG: u64 = 100;

impl<M: Access> CpuRun<M> {
    /// Makes many one-page holes in the used addresses, and then measures allocations of one page, which fit into such
    /// a hole.
    pub(super) fn full_fit(&mut self) -> StepResult {
        let doublings = u64::from(u32::BITS - self.vm.machine().count().leading_zeros());
        let pages = self.scale(2 * doublings * HOLES)?;
        let mut stay = Held::new(self.vm);
        let mut go = Held::new(self.vm);
        for _ in 0..pages / 2 {
            self.hold(&mut stay)?;
            self.hold(&mut go)?;
        }
        drop(go);
        self.measure(|run| run.written_pair(1))
    }

    /// Measures the allocation of a long and a short region while many one-page regions exist.
    pub(super) fn long_busy_list(&mut self) -> StepResult {
        let pages = self.scale(BUSY)?;
        let mut held = Held::new(self.vm);
        for _ in 0..pages {
            self.hold(&mut held)?;
        }
        self.measure(|run| {
            let long = run.allocate(LONG)?;
            let short = run.allocate(1)?;
            run.write(&long, 0)?;
            run.write(&short, 0)
        })
    }

    /// Returns the number of pages that the workload may allocate in advance: `wanted`, or less if this CPU's share of
    /// the free memory is smaller. Fails if the number is below a quarter of `wanted`.
    fn scale(&mut self, wanted: u64) -> Result<u64, StepFailed> {
        let share = self.free * 3 / 4 / u64::from(self.plan.cpus);
        let pages = wanted.min(share);
        self.result.scale = pages * 100 / wanted;
        if pages * 4 < wanted { Err(StepFailed) } else { Ok(pages) }
    }

    fn hold(&self, held: &mut Held<M>) -> StepResult {
        if held.push(self.allocate(1)?) { Ok(()) } else { Err(StepFailed) }
    }
}
