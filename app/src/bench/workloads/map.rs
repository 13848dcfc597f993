//! Frames that are mapped a second time.

#![expect(unsafe_code, reason = "maps frames a second time")]

use arrayvec::ArrayVec;
use vmalloc::{Frame, Machine, Protection};

use super::{Step, Work};

/// The most frames.
const FRAMES_MAX: usize = 512;

impl<M: Machine> Work<M> {
    /// Frames that are mapped a second time for a moment.
    pub(super) fn map_ram(&mut self) -> Step {
        let region = self.allocate(self.plan.pages.min(FRAMES_MAX as u64))?;
        let physical = region.range().pages().map(|page| self.vm.translate(page.start_address()));
        let frames: ArrayVec<Frame, FRAMES_MAX> =
            physical.flatten().map(Frame::containing_address).collect();
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
}
