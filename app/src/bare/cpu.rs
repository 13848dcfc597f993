//! The processors: segments, traps, recoverable accesses, interrupts, time, and the others.

pub(crate) mod access;
pub(crate) mod apic;
pub(crate) mod backtrace;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod fault;
pub(crate) mod fixups;
pub(crate) mod idle;
pub(crate) mod local;
pub(crate) mod others;
pub(crate) mod random;
pub(crate) mod segments;
pub(crate) mod spurious;
pub(crate) mod strings;
pub(crate) mod stubs;
pub(crate) mod traps;
pub(crate) mod vectors;
pub(crate) mod worker;
