//! The state of one CPU in the flush protocol.

use crate::sync::{AtomicU32, AtomicU64};

/// The CPU runs code. Shootdowns wait for it.
pub(super) const AWAKE: u32 = 0;
/// The CPU is halted. It accesses no memory of the window, but may walk the tables speculatively.
pub(super) const HALTED: u32 = 1;
/// The CPU has not started or is off line. It accesses no memory of the window and walks no table.
pub(super) const ABSENT: u32 = 2;

/// The record of one CPU, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct CpuState {
    /// The generation that the CPU read before its last flush.
    pub(super) seen: AtomicU64,
    /// The activity of the CPU: [`AWAKE`], [`HALTED`] or [`ABSENT`].
    pub(super) activity: AtomicU32,
    /// The number of times that the CPU flushed everything.
    pub(super) flushes_full: AtomicU64,
    /// The number of times that the CPU flushed the pages of a plan.
    pub(super) flushes_pages: AtomicU64,
    /// The number of pages that the CPU flushed one by one.
    pub(super) pages: AtomicU64,
}

impl CpuState {
    /// Creates the state of a CPU with empty TLBs. If `started` is false, the CPU is [`ABSENT`]
    /// until it wakes.
    pub(crate) fn new(started: bool) -> Self {
        Self {
            seen: AtomicU64::new(0),
            activity: AtomicU32::new(if started { AWAKE } else { ABSENT }),
            flushes_full: AtomicU64::new(0),
            flushes_pages: AtomicU64::new(0),
            pages: AtomicU64::new(0),
        }
    }
}
