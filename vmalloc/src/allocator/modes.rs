//! Switches of a window for comparison, at run time.

use super::parts::Core;
use crate::machine::Machine;
use crate::switches::{FlushMode, FrameMode, PoolMode, ReallocMode};

/// The switches of a window: see [`Vmalloc::modes`](crate::Vmalloc::modes). All promises of the
/// crate hold with the defaults.
#[derive(Debug)]
pub struct Modes<'v, M: Machine> {
    core: &'v Core<M>,
}

impl<'v, M: Machine> Modes<'v, M> {
    pub(super) fn new(core: &'v Core<M>) -> Self {
        Self { core }
    }

    /// Chooses when freed regions are flushed. Regions that are already lazy wait for the next
    /// purge.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_flush(&self, mode: FlushMode) {
        self.core.switches.set_flush(mode);
    }

    /// Chooses when frames may be reused. With [`FrameMode::Linux`] a CPU with an old translation
    /// can reach a frame that has a new owner: for comparison only.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_frames(&self, mode: FrameMode) {
        self.core.switches.set_frames(mode);
    }

    /// Chooses how a region gets to new addresses.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_realloc(&self, mode: ReallocMode) {
        self.core.switches.set_realloc(mode);
    }

    /// Chooses whether freed areas rest in pools. Turning pools off returns the pooled areas to the
    /// tree.
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
