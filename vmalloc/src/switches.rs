//! Switches for comparison, at run time. All promises of the crate hold with the defaults.

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
    /// `EAGER` and `LINUX_FRAMES` in one word, because every free reads both.
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

    /// Chooses when what is freed is flushed.
    pub(crate) fn set_flush(&self, mode: FlushMode) {
        self.set_free(EAGER, mode == FlushMode::Eager);
    }

    /// Chooses when frames may be used again.
    pub(crate) fn set_frames(&self, mode: FrameMode) {
        self.set_free(LINUX_FRAMES, mode == FrameMode::Linux);
    }

    /// Chooses how a region gets to new addresses.
    pub(crate) fn set_realloc(&self, mode: ReallocMode) {
        self.copy.store(mode == ReallocMode::Copy, Ordering::Relaxed);
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
