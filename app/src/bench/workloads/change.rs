//! Regions whose size or contents change.

use vmalloc::{Machine, PAGE_BYTES, Resize};

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
}
