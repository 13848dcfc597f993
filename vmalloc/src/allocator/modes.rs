//! What those who compare can choose, at run time.

use super::parts::Core;
use crate::machine::Machine;
use crate::switches::{FlushMode, FrameMode, PoolMode, ReallocMode};

/// The choices of a window: [`Vmalloc::modes`](crate::Vmalloc::modes). The defaults are what the crate stands for.
#[derive(Debug)]
pub struct Modes<'v, M: Machine> {
    core: &'v Core<M>,
}

impl<'v, M: Machine> Modes<'v, M> {
    pub(super) fn new(core: &'v Core<M>) -> Self {
        Self { core }
    }

    /// Chooses when what is freed is flushed; what is lazy already waits for the next purge.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_flush(&self, mode: FlushMode) {
        self.core.switches.set_flush(mode);
    }

    /// Chooses when frames may be used again. [`FrameMode::Linux`] gives up the promise that no CPU
    /// reaches a frame that is somebody else's: for comparison only.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_frames(&self, mode: FrameMode) {
        self.core.switches.set_frames(mode);
    }

    /// Chooses how regions get to a new place.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_realloc(&self, mode: ReallocMode) {
        self.core.switches.set_realloc(mode);
    }

    /// Chooses whether freed areas rest in pools; what rests there goes back to the tree.
    ///
    /// # Context
    ///
    /// Takes locks, waits for no CPU: for threads.
    pub fn set_pools(&self, mode: PoolMode) {
        self.core.areas.set_pooling(mode == PoolMode::On);
        if mode == PoolMode::Off {
            let cpu = self.core.machine.current();
            self.core.frames.put(cpu, self.core.areas.drain(self.core.frames.buddy.metas()));
        }
    }
}
