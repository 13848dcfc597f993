//! Set-up of a window, its limits, and frames for the kernel itself.
#![expect(unsafe_code, reason = "the memory that is handed over must be free")]

use crate::allocator::frames;
use crate::allocator::modes::Modes;
use crate::allocator::parts::{Core, Vmalloc};
use crate::allocator::setup;
use crate::allocator::setup::Config;
use crate::error::SetupError;
use crate::frame::FrameRange;
use crate::machine::Machine;
use crate::page::PageRange;

impl<M: Machine> Vmalloc<M> {
    /// Sets a window up: takes the frames of its records out of `config.memory`, and links the
    /// level-3 tables of the window in [`Machine::root`], where they stay.
    ///
    /// # Errors
    ///
    /// After an error no entry has been changed.
    ///
    /// - [`SetupError::Window`]: the window is empty or not in the higher half.
    /// - [`SetupError::Memory`]: no run of frames is long enough for the records.
    /// - [`SetupError::Occupied`]: a level-4 entry of the window is in use.
    /// - [`SetupError::Cpus`]: the machine has more CPUs than the crate keeps records for.
    /// - [`SetupError::Run`]: a run overlaps another one, or exceeds the physical addresses.
    /// - [`SetupError::Node`]: memory of a node with a number that is too high.
    /// - [`SetupError::Span`]: the lowest and the highest frame are too far apart.
    ///
    /// # Panics
    ///
    /// If [`PhysicalMemory::pointer`](crate::PhysicalMemory::pointer) does not map adjacent frames
    /// of the longest run to adjacent addresses.
    ///
    /// # Safety
    ///
    /// The memory is free RAM that no other code uses, now or later. Its runs do not overlap, and
    /// no other window is set up on them.
    ///
    /// Every CPU except the calling one calls [`leave_idle`](Self::leave_idle) before it loads
    /// tables that contain the window, accesses the window, or calls another method of the returned
    /// value, because no flush waits for the CPU before.
    ///
    /// # Context
    ///
    /// Once, at boot, with the level-4 table of [`Machine::root`] loaded or about to be loaded. The
    /// calling CPU counts as awake, all other CPUs as not started: see
    /// [`leave_idle`](Self::leave_idle).
    ///
    /// # Complexity
    ///
    /// O(frames + runs^2).
    pub unsafe fn try_new(machine: M, config: &Config<'_>) -> Result<Self, SetupError> {
        let parts = setup::set_up(&machine, config)?;
        Ok(Self { core: Core::new(machine, config, parts) })
    }

    /// Returns the machine with which the window was set up.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.core.machine
    }

    /// Returns the addresses that the crate owns.
    #[must_use]
    pub fn window(&self) -> PageRange {
        self.core.window
    }

    /// Returns the number of slots, which are numbered from 1. It limits the number of busy
    /// regions, lazy areas and areas in pools together.
    #[must_use]
    pub fn region_limit(&self) -> u32 {
        self.core.slots().limit()
    }

    /// Returns the number of NUMA nodes: one more than the highest node of the memory.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.core.nodes()
    }

    /// Takes adjacent frames for the kernel itself, for example for DMA or for a heap. They are not
    /// mapped in the window, and cannot be returned.
    ///
    /// # Shape
    ///
    /// A power of two of frames, rounded up, at most 1024, physically aligned to the size of the
    /// run. The frames contain zeros. Returns `None` if no such run is free, if `frames` is 0, or if
    /// the rest would be less than the reserve. A run that can never be had is refused immediately,
    /// without a flush.
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

    /// Clears up to `count` free frames ahead of time, for later requests of zeroed memory; meant for
    /// idle CPUs. Returns the number of cleared frames. At most 1/8 of the free frames are kept
    /// cleared, so the number is lower near that limit, and 0 at it. Requests of other memory take
    /// cleared frames only if no other frames are free.
    ///
    /// # Context
    ///
    /// Takes locks, but waits for no CPU.
    ///
    /// # Complexity
    ///
    /// O(count), because each frame is cleared. Callers should ask for few frames at a time.
    pub fn fill_zeroed(&self, count: u64) -> u64 {
        frames::fill_zeroed(&self.core, count)
    }

    /// Returns the switches of the window, which exist for tests and to compare designs. The switch
    /// that gives up a guarantee is unsafe.
    #[must_use]
    pub fn modes(&self) -> Modes<'_, M> {
        Modes::new(&self.core)
    }
}
