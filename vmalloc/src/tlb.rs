//! Flushes: what makes an old translation impossible.
//!
//! Knows no tables. Every flush is a generation: what was unmapped before it began can be reached
//! by nobody after it has ended.
//!
//! One CPU: the window cannot be set up with more until the other CPUs' acknowledgements are here,
//! and every flush is a full one.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::machine::TlbControl;

/// CPUs that a flush can wait for.
pub(crate) const CPUS_MAX: u32 = 1;

/// How translations were invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushKind {
    /// Nothing had to be.
    None,
    /// Everything, on every CPU.
    Full,
}

/// The proof that everything unmapped before it was made is unreachable now.
#[derive(Debug)]
pub(crate) struct Flushed(());

/// Counts the flushes.
#[derive(Debug, Default)]
pub(crate) struct Generations(AtomicU64);

impl Generations {
    /// The last flush that was begun.
    pub(crate) fn current(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Drops every translation that was made from entries as they stood before the call.
    pub(crate) fn flush<T: TlbControl>(&self, machine: &T) -> Flushed {
        // The cleared entries must be in memory before any CPU reads the new generation.
        fence(Ordering::SeqCst);
        self.0.fetch_add(1, Ordering::Relaxed);
        machine.flush_all();
        Flushed(())
    }
}
