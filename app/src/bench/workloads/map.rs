//! Workloads that map the frames of a region a second time, or clear them directly.

#![expect(unsafe_code, reason = "maps frames a second time, and writes to them")]

use arrayvec::ArrayVec;
use vmalloc::{Access, Frame, Protection, Region};

use crate::bench::cpu_run::{CpuRun, StepResult};

/// Maximum number of frames that are mapped or cleared in one loop.
const FRAMES_MAX: usize = 512;

impl<M: Access> CpuRun<M> {
    /// Maps the frames of a region a second time, writes a byte through this mapping, and unmaps it.
    pub(super) fn map_ram(&mut self) -> StepResult {
        let region = self.allocate(self.plan.pages.min(FRAMES_MAX as u64))?;
        let frames = self.frames(&region);
        self.measure(|run| {
            // SAFETY: the frames belong to `region`, which lives until the loop ends. No reference to its
            // bytes exists. Lazily unmapped pages are flushed before the frames get another owner.
            let map = unsafe { run.vm.vmap(&frames, Protection::ReadWrite, "bench") }?;
            run.write(&map, b'a')?;
            // The ticket of the unmapped frames is dropped, because the frames still belong to `region`.
            let _ticket = run.vm.vunmap_lazy(map);
            Ok(())
        })
    }

    /// Clears the frames of a region, and measures only the time of the clearing. This is the lower bound for the
    /// workload `zeroed_pair_test`.
    pub(super) fn clear(&mut self) -> StepResult {
        let mut us = 0;
        let pages = self.plan.pages.min(FRAMES_MAX as u64);
        let result = self.measure(|run| {
            let region = run.allocate(pages)?;
            let frames = run.frames(&region);
            let start_us = (run.plan.clock)();
            for frame in frames {
                // SAFETY: the frames belong to `region`, and no reference to its bytes exists.
                unsafe { run.vm.machine().zero(frame) };
            }
            us += (run.plan.clock)() - start_us;
            Ok(())
        });
        self.result.us = us;
        result
    }

    fn frames(&self, region: &Region<'_, M>) -> ArrayVec<Frame, FRAMES_MAX> {
        let physical = region.range().pages().map(|page| self.vm.translate(page.start_address()));
        physical.flatten().take(FRAMES_MAX).map(Frame::containing_address).collect()
    }
}
