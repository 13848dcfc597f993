//! Frames that are cleared before anybody wants them.

use crate::allocator::Vmalloc;
use crate::frame::Wish;
use crate::machine::Machine;
use crate::raw;

impl<M: Machine> Vmalloc<M> {
    /// Clears up to `count` free frames for those who will want zeroed ones: for CPUs that have
    /// nothing else to do. Returns how many; 0 if there are fewer than that.
    ///
    /// # Context
    ///
    /// Takes locks, waits for no CPU.
    ///
    /// # Complexity
    ///
    /// O(count), a frame of zeros each: ask for few at a time.
    pub fn fill_zeroed(&self, count: u64) -> u64 {
        let cpu = self.machine.current();
        let wish = Wish { reserve: self.frames_reserve, named: true, ..self.wish(cpu) };
        let Ok(supply) = self.frames.take(cpu, count, &wish) else { return 0 };
        let cleared = self.clean(supply, false);
        for frame in cleared.frames(self.frames.buddy.metas()) {
            raw::clear(&self.machine, self.frames.buddy.frame(frame));
        }
        let count = cleared.count();
        self.frames.put_zeroed(cleared);
        count
    }
}
