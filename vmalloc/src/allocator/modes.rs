//! The switches of a window that exist for tests and to compare designs at run time.
#![expect(unsafe_code, reason = "one of the switches gives up a guarantee")]

use super::parts::Core;
use crate::inject::Reservation;
use crate::machine::Machine;
use crate::switches::{FlushMode, FrameMode, PoolMode, ReallocMode};

/// The switches of a window: see [`Vmalloc::modes`](crate::Vmalloc::modes).
#[derive(Debug)]
pub struct Modes<'v, M: Machine> {
    core: &'v Core<M>,
}

impl<'v, M: Machine> Modes<'v, M> {
    pub(super) fn new(core: &'v Core<M>) -> Self {
        Self { core }
    }

    /// Sets when freed regions are flushed. Regions that are already lazy are flushed by the next
    /// purge.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_flush(&self, mode: FlushMode) {
        self.core.switches.set_flush(mode);
    }

    /// Sets when frames may be reused. With [`FrameMode::Linux`], a CPU with an old translation can
    /// reach a frame that already has a new owner, for example a page table.
    ///
    /// # Safety
    ///
    /// With [`FrameMode::Linux`], no CPU accesses a page of a region after that page was freed, cut
    /// off or copied to another place. The duty lasts until the first purge after
    /// [`FrameMode::Strict`] was set.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub unsafe fn set_frames(&self, mode: FrameMode) {
        self.core.switches.set_frames(mode);
    }

    /// Sets how a region moves to new addresses: by moving its entries or by copying its bytes.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_realloc(&self, mode: ReallocMode) {
        self.core.switches.set_realloc(mode);
    }

    /// Sets whether freed areas go to pools. Switching pools off returns the areas in pools to the
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

    /// Makes the `number`-th reservation of a kind from now fail, once. 0 cancels this. It lets
    /// tests check how a kernel handles the failure. A request that fails for this reason is not
    /// retried.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock. The count is not exact while several CPUs allocate.
    pub fn inject(&self, kind: Reservation, number: u32) {
        self.core.injector.arm(kind, number);
    }
}
