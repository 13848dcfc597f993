//! Set-up, limits, and frames for the kernel itself.
#![expect(unsafe_code, reason = "the memory that is handed over must be free")]

use crate::allocator::frames;
use crate::allocator::modes::Modes;
use crate::allocator::parts::{Core, Vmalloc};
use crate::allocator::setup;
use crate::allocator::setup::Config;
use crate::error::SetupError;
use crate::frame::FrameRange;
use crate::inject::Reservation;
use crate::machine::Machine;
use crate::page::PageRange;

impl<M: Machine> Vmalloc<M> {
    /// Sets a window up: keeps the records' frames out of `config.memory`, and enters the window's
    /// upper tables into [`Machine::root`], where they stay for ever.
    ///
    /// # Errors
    ///
    /// No entry has been made then.
    ///
    /// - [`SetupError::Window`]: the window is empty or not in the higher half.
    /// - [`SetupError::Memory`]: no run of frames holds the records.
    /// - [`SetupError::Occupied`]: the root has an entry where the window lies.
    /// - [`SetupError::Cpus`]: the machine has more CPUs than the crate keeps records for.
    /// - [`SetupError::Node`]: memory of a node that the crate does not count.
    /// - [`SetupError::Span`]: the runs lie further apart than the crate can number.
    ///
    /// # Panics
    ///
    /// If adjacent frames of the longest run are not adjacent where the machine reaches them.
    ///
    /// # Safety
    ///
    /// The memory is free RAM that no other code uses, and it is given away for good. Its runs do
    /// not overlap, and no other window is set up on them.
    ///
    /// # Context
    ///
    /// Once, at boot, with the level-4 table of [`Machine::root`] loaded or about to be. The calling CPU
    /// counts as awake, all others as not started: see [`leave_idle`](Self::leave_idle).
    ///
    /// # Complexity
    ///
    /// O(frames).
    pub unsafe fn try_new(machine: M, config: &Config<'_>) -> Result<Self, SetupError> {
        let parts = setup::set_up(&machine, config)?;
        Ok(Self { core: Core::new(machine, config, parts) })
    }

    /// The seam that the window was set up with.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.core.machine
    }

    /// The addresses that the crate owns.
    #[must_use]
    pub fn window(&self) -> PageRange {
        self.core.window
    }

    /// How many regions may live at once: slots are numbered from 1 to this.
    #[must_use]
    pub fn region_limit(&self) -> u32 {
        self.core.slots().limit()
    }

    /// How many NUMA nodes there are: one more than the highest that memory was handed over for.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.core.nodes()
    }

    /// Takes neighbouring frames for the kernel itself: for DMA, or under a heap. They are not mapped,
    /// and never come back.
    ///
    /// # Shape
    ///
    /// A power of two of frames, rounded up, at most 1024, physically aligned to its size; they read as
    /// zeros. `None` where no such block is free.
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(frames).
    #[must_use = "a run that is dropped is lost"]
    pub fn take_run(&self, frames: u64) -> Option<FrameRange> {
        frames::take_run(&self.core, frames)
    }

    /// Clears `count` free frames ahead of time, for later requests of zeroed memory; meant for
    /// idle CPUs. Returns the number of cleared frames: `count`, or 0 if fewer frames are free.
    ///
    /// # Context
    ///
    /// Takes locks, waits for no CPU.
    ///
    /// # Complexity
    ///
    /// O(count), a frame of zeros each: ask for few at a time.
    pub fn fill_zeroed(&self, count: u64) -> u64 {
        frames::fill_zeroed(&self.core, count)
    }

    /// Makes the `number`-th reservation of a kind from now fail, once; 0 takes that back. For tests of
    /// what a kernel does then. A request that fails so is not tried again.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock. Not exact while several CPUs allocate.
    pub fn inject(&self, kind: Reservation, number: u32) {
        self.core.injector.arm(kind, number);
    }

    /// Returns the switches of the window, which exist for comparison.
    #[must_use]
    pub fn modes(&self) -> Modes<'_, M> {
        Modes::new(&self.core)
    }
}
