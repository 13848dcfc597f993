//! The flush state of one CPU.

use crate::sync::{AtomicU32, AtomicU64};

/// It runs code, and is waited for.
pub(super) const AWAKE: u32 = 0;
/// It sleeps: it uses no translation, but walks speculatively.
pub(super) const HALTED: u32 = 1;
/// It has not started: it knows no table of the window.
pub(super) const ABSENT: u32 = 2;

/// The record of one CPU, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct CpuState {
    /// The generation that the CPU read before its last flush.
    pub(super) seen: AtomicU64,
    /// The generation that an interrupt has asked it for.
    pub(super) asked: AtomicU64,
    /// Whether it is awake: one of [`AWAKE`], [`HALTED`], [`ABSENT`].
    pub(super) activity: AtomicU32,
    /// Times that it flushed everything.
    pub(super) flushes_full: AtomicU64,
    /// Times that it followed a plan.
    pub(super) flushes_pages: AtomicU64,
    /// Pages that it flushed one by one.
    pub(super) pages: AtomicU64,
}

impl CpuState {
    /// The state of a CPU with empty caches, which may not have started.
    pub(crate) fn new(started: bool) -> Self {
        Self {
            seen: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            activity: AtomicU32::new(if started { AWAKE } else { ABSENT }),
            flushes_full: AtomicU64::new(0),
            flushes_pages: AtomicU64::new(0),
            pages: AtomicU64::new(0),
        }
    }
}
