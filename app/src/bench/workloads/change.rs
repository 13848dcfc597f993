//! Resized regions.

use vmalloc::{Machine, PAGE_BYTES, Resize};

use crate::bench::cpu_run::{CpuRun, StepFailed, StepResult};

/// Size at which doubling ends.
const GROWTH_BYTES: u64 = 16 << 20;

impl<M: Machine> CpuRun<M> {
    /// Grows and shrinks a region, and checks that its first byte is kept.
    pub(super) fn resize(&self) -> StepResult {
        let mut region = self.allocate(1)?;
        self.write(&region, b'a')?;
        for bytes in [4 * PAGE_BYTES, PAGE_BYTES, PAGE_BYTES / 2, PAGE_BYTES] {
            region.resize(&Resize::to(bytes))?;
            let mut byte = [0];
            let read = self.vm.machine().read(region.address(), &mut byte);
            if read.is_err() || byte != *b"a" {
                return Err(StepFailed);
            }
        }
        Ok(())
    }

    /// Doubles a region of one page until it has 16 MiB.
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
