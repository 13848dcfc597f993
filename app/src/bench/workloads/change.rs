//! Workloads that resize regions.

use vmalloc::{Access, PAGE_BYTES, Resize};

use crate::bench::cpu_run::{CpuRun, StepFailed, StepResult};
use crate::bench::first_bytes;

/// Size in bytes at which [`growth`](CpuRun::growth) stops.
const GROWTH_BYTES: u64 = 16 << 20;

impl<M: Access> CpuRun<M> {
    /// Grows and shrinks a region, and checks after each step that the first byte still has the value that was written
    /// at the start.
    pub(super) fn resize(&self) -> StepResult {
        let mut region = self.allocate(1)?;
        self.write(&region, b'a')?;
        for bytes in [4 * PAGE_BYTES, PAGE_BYTES, PAGE_BYTES / 2, PAGE_BYTES] {
            region.resize(&Resize::to(bytes))?;
            let mut byte = [0];
            if !first_bytes::read(self.vm, &region.info(), &mut byte) || byte != *b"a" {
                return Err(StepFailed);
            }
        }
        Ok(())
    }

    /// Doubles the size of a region from one page to 16 MiB.
    pub(super) fn growth(&self) -> StepResult {
        let mut region = self.allocate(1)?;
        let mut bytes = PAGE_BYTES;
        while bytes < GROWTH_BYTES {
            bytes *= 2;
            region.resize(&Resize::to(bytes))?;
        }
        Ok(())
    }
}
