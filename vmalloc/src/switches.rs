//! Switches to compare designs at run time. With [`FrameMode::Linux`], a guarantee of the crate does
//! not hold.

use crate::sync::{AtomicBool, AtomicU32, Ordering};

/// When freed regions are flushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlushMode {
    /// Many frees share a flush.
    #[default]
    Lazy,
    /// Every free flushes before it returns, so a use after the free faults immediately.
    Eager,
}

/// When the frames of freed regions may be used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameMode {
    /// After the flush, like the addresses.
    #[default]
    Strict,
    /// Immediately, as in Linux. A CPU with an old translation can reach the frame when it has a
    /// new owner, so [`Modes::set_frames`](crate::Modes::set_frames) is unsafe.
    Linux,
}

/// How a region moves to new addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReallocMode {
    /// Its page-table entries are moved.
    #[default]
    Move,
    /// Its bytes are copied to other frames, as in Linux.
    Copy,
}

/// Whether freed areas go to pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolMode {
    /// Freed areas go to pools, from which most requests take them.
    #[default]
    On,
    /// Freed areas go to the tree, and every request gets the lowest addresses that fit.
    Off,
}

/// The values of the switches. The switch of the pools is in `Areas`.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    /// The flags `EAGER` and `LINUX_FRAMES` in one word, because every free reads both.
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

    /// Returns whether frees deviate from the defaults.
    #[inline]
    pub(crate) fn free_otherwise(&self) -> bool {
        self.free.load(Ordering::Relaxed) != 0
    }

    /// Sets when freed regions are flushed.
    pub(crate) fn set_flush(&self, mode: FlushMode) {
        self.set_free(EAGER, mode == FlushMode::Eager);
    }

    /// Sets when frames may be used again.
    pub(crate) fn set_frames(&self, mode: FrameMode) {
        self.set_free(LINUX_FRAMES, mode == FrameMode::Linux);
    }

    /// Sets how a region moves to new addresses.
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
