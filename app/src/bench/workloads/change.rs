//! Regions whose size or contents change.

use vmalloc::{Machine, PAGE_BYTES, PageCount, Resize};

use super::{Refused, Step, Work};

/// Where growth by doubling ends.
const GROWTH_BYTES: u64 = 16 << 20;

impl<M: Machine> Work<M> {
    /// Growth and shrinking by which the first byte lives.
    pub(super) fn resize(&self) -> Step {
        let mut region = self.allocate(1)?;
        self.write(&region, b'a')?;
        for bytes in [4 * PAGE_BYTES, PAGE_BYTES, PAGE_BYTES / 2, PAGE_BYTES] {
            region.resize(&Resize::to(bytes))?;
            let mut byte = [0];
            let read = self.vm.machine().read(region.address(), &mut byte);
            if read.is_err() || byte != *b"a" {
                return Err(Refused);
            }
        }
        Ok(())
    }

    /// A page that doubles until it is 16 MiB.
    pub(super) fn growth(&self) -> Step {
        let mut region = self.allocate(1)?;
        let mut bytes = PAGE_BYTES;
        while bytes < GROWTH_BYTES {
            bytes *= 2;
            region.resize(&Resize::to(bytes))?;
        }
        Ok(())
    }

    /// The clearing of pages alone, on frames that come and go as those of pairs do: what a zeroed
    /// pair costs at least.
    pub(super) fn clear(&mut self) -> Step {
        let mut us = 0;
        let result = self.measure(|work| {
            let region = work.allocate(work.plan.pages)?;
            let start_us = (work.plan.clock)();
            region.zero(PageCount::default(), region.range().count());
            us += (work.plan.clock)() - start_us;
            Ok(())
        });
        self.outcome.us = us;
        result
    }
}
