//! Frames that are used by other ways than their region: mapped a second time, and cleared.

#![expect(unsafe_code, reason = "maps frames a second time, and writes to them")]

use arrayvec::ArrayVec;
use vmalloc::{Frame, Machine, Protection, Region};

use super::{Step, Work};

/// The most frames.
const FRAMES_MAX: usize = 512;

impl<M: Machine> Work<M> {
    /// Frames that are mapped a second time for a moment.
    pub(super) fn map_ram(&mut self) -> Step {
        let region = self.allocate(self.plan.pages.min(FRAMES_MAX as u64))?;
        let frames = self.frames(&region);
        self.measure(|work| {
            // SAFETY: the frames are `region`'s, which lives until the loop is over; nobody refers to
            // its bytes, and what is unmapped lazily is flushed before they are anybody else's.
            let map = unsafe { work.vm.vmap(&frames, Protection::ReadWrite, "bench") }?;
            work.write(&map, b'a')?;
            // The frames stay ours.
            let _ticket = work.vm.vunmap_lazy(map);
            Ok(())
        })
    }

    /// The clearing of pages alone, on frames that come and go as those of pairs do: what a zeroed
    /// pair costs at least.
    pub(super) fn clear(&mut self) -> Step {
        let mut us = 0;
        let pages = self.plan.pages.min(FRAMES_MAX as u64);
        let result = self.measure(|work| {
            let region = work.allocate(pages)?;
            let frames = work.frames(&region);
            let start_us = (work.plan.clock)();
            for frame in frames {
                // SAFETY: the frames are `region`'s, whose bytes nobody refers to.
                unsafe { work.vm.machine().zero(frame) };
            }
            us += (work.plan.clock)() - start_us;
            Ok(())
        });
        self.outcome.us = us;
        result
    }

    fn frames(&self, region: &Region<'_, M>) -> ArrayVec<Frame, FRAMES_MAX> {
        let physical = region.range().pages().map(|page| self.vm.translate(page.start_address()));
        physical.flatten().take(FRAMES_MAX).map(Frame::containing_address).collect()
    }
}
