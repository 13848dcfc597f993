//! What people who compare can choose, at run time. The defaults are what the crate stands for.

use crate::allocator::Vmalloc;
use crate::machine::Machine;
use crate::sync::{AtomicBool, AtomicU32, Ordering};

/// When what is freed is flushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlushMode {
    /// Many frees share a flush.
    #[default]
    Lazy,
    /// Every free flushes before it returns: a use after it faults at once.
    Eager,
}

/// When the frames of what is freed may be used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameMode {
    /// After the flush, as the addresses.
    #[default]
    Strict,
    /// At once, as Linux has it: a CPU with an old translation can reach the frame's next owner.
    Linux,
}

/// How a region gets to a new place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReallocMode {
    /// Its page-table entries move.
    #[default]
    Move,
    /// Its bytes are copied to other frames, as Linux has it.
    Copy,
}

/// Whether freed areas rest in pools of exact sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolMode {
    /// They do, and most requests never see the tree.
    #[default]
    On,
    /// Every area comes from the tree: the lowest addresses that fit.
    Off,
}

/// The choices that are kept here; the pools keep their own.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    /// `EAGER` and `LINUX_FRAMES`: what every free asks, in one word.
    free: AtomicU32,
    copy: AtomicBool,
}

const EAGER: u32 = 1;
const LINUX_FRAMES: u32 = 2;

impl Switches {
    pub(crate) fn is_eager(&self) -> bool {
        self.free.load(Ordering::Relaxed) & EAGER != 0
    }

    pub(crate) fn frames_wait(&self) -> bool {
        self.free.load(Ordering::Relaxed) & LINUX_FRAMES == 0
    }

    /// Whether a free does anything else than the defaults say.
    #[inline]
    pub(crate) fn free_otherwise(&self) -> bool {
        self.free.load(Ordering::Relaxed) != 0
    }

    fn set_free(&self, bit: u32, on: bool) {
        if on {
            self.free.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.free.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    pub(crate) fn copies(&self) -> bool {
        self.copy.load(Ordering::Relaxed)
    }
}

impl<M: Machine> Vmalloc<M> {
    /// Chooses when what is freed is flushed; what is lazy already waits for the next purge.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_flush_mode(&self, mode: FlushMode) {
        self.switches.set_free(EAGER, mode == FlushMode::Eager);
    }

    /// Chooses when frames may be used again. [`FrameMode::Linux`] gives up the promise that no CPU
    /// reaches a frame that is somebody else's: for comparison only.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_frame_mode(&self, mode: FrameMode) {
        self.switches.set_free(LINUX_FRAMES, mode == FrameMode::Linux);
    }

    /// Chooses how regions get to a new place.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn set_realloc_mode(&self, mode: ReallocMode) {
        self.switches.copy.store(mode == ReallocMode::Copy, Ordering::Relaxed);
    }

    /// Chooses whether freed areas rest in pools; what rests there goes back to the tree.
    ///
    /// # Context
    ///
    /// Takes locks, waits for no CPU: for threads.
    pub fn set_pool_mode(&self, mode: PoolMode) {
        self.areas.set_pooling(mode == PoolMode::On);
        if mode == PoolMode::Off {
            let cpu = self.machine.current();
            self.frames.put(cpu, self.areas.drain(self.frames.buddy.metas()));
        }
    }
}
