//! A region that comes and goes at once.

use vmalloc::{Machine, PAGE_BYTES, Request};

use super::{Step, Work};

/// Twice the alignment of a stack.
pub(super) const STACK_ALIGN: u64 = 32 << 10;
/// The most pages of a region of random size.
const RANDOM_PAGES: u64 = 100;

impl<M: Machine> Work<M> {
    /// A pair and nothing else.
    pub(super) fn pair(&self) -> Step {
        drop(self.allocate(self.plan.pages)?);
        Ok(())
    }

    /// A pair of zeroed pages.
    pub(super) fn zeroed_pair(&self) -> Step {
        drop(self.vm.vzalloc(self.plan.pages * PAGE_BYTES)?);
        Ok(())
    }

    /// A pair, with a byte written between the two.
    pub(super) fn written_pair(&self, pages: u64) -> Step {
        let region = self.allocate(pages)?;
        self.write(&region, 0)
    }

    pub(super) fn random_pair(&mut self) -> Step {
        let pages = 1 + self.random() % RANDOM_PAGES;
        self.written_pair(pages)
    }

    pub(super) fn aligned_pair(&self, pages: u64, align: u64) -> Step {
        let request = Request::try_new(pages * PAGE_BYTES)?.zeroed().align(align)?;
        drop(self.vm.allocate(&request)?);
        Ok(())
    }

    /// Size and alignment from one byte, as in Linux's suite.
    pub(super) fn random_aligned_pair(&mut self) -> Step {
        let byte = self.random() % 256;
        self.aligned_pair(byte % 10 + 1, 1 << (byte % 23))
    }

    /// Every power of two as an alignment: the large ones must be refused.
    pub(super) fn align_shift(&mut self) -> Step {
        let mut shift = 0;
        let loops = core::mem::replace(&mut self.plan.loops, 64);
        let result = self.measure(|work| {
            shift += 1;
            work.aligned_pair(1, 1 << (shift - 1))
        });
        self.plan.loops = loops;
        result
    }
}
