//! Workloads that allocate one region and free it again.

use vmalloc::{Access, PAGE_BYTES, Request};

use crate::bench::cpu_run::{CpuRun, StepResult};

/// Alignment of the workload `fix_align_alloc_test`, as in Linux: twice the size of a thread's stack.
pub(super) const STACK_ALIGN: u64 = 32 << 10;
/// Maximum number of pages of a region of random size.
const RANDOM_PAGES: u64 = 100;

impl<M: Access> CpuRun<M> {
    /// Allocates and frees a region.
    pub(super) fn pair(&self) -> StepResult {
        drop(self.allocate(self.plan.pages)?);
        Ok(())
    }

    /// Allocates and frees a zeroed region.
    pub(super) fn zeroed_pair(&self) -> StepResult {
        drop(self.vm.vzalloc(self.plan.pages * PAGE_BYTES)?);
        Ok(())
    }

    /// Allocates a region, writes one byte and frees the region.
    pub(super) fn written_pair(&self, pages: u64) -> StepResult {
        let region = self.allocate(pages)?;
        self.write(&region, 0)
    }

    pub(super) fn random_pair(&mut self) -> StepResult {
        let pages = 1 + self.random() % RANDOM_PAGES;
        self.written_pair(pages)
    }

    pub(super) fn aligned_pair(&self, pages: u64, align: u64) -> StepResult {
        let request = Request::try_new(pages * PAGE_BYTES)?.zeroed().align(align)?;
        drop(self.vm.allocate(&request)?);
        Ok(())
    }

    /// Allocates and frees a region. As in Linux, its size and its alignment depend on the same random byte.
    pub(super) fn random_aligned_pair(&mut self) -> StepResult {
        let byte = self.random() % 256;
        self.aligned_pair(byte % 10 + 1, 1 << (byte % 23))
    }

    /// Allocates a page with each power of two as the alignment. The workload ends at the first alignment that is too
    /// large, and then counts as failed.
    pub(super) fn align_shift(&mut self) -> StepResult {
        let mut shift = 0;
        let loops = core::mem::replace(&mut self.plan.loops, 64);
        let result = self.measure(|run| {
            shift += 1;
            run.aligned_pair(1, 1 << (shift - 1))
        });
        self.plan.loops = loops;
        result
    }
}
