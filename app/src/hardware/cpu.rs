//! Drives the processor: memory accesses that may fault, interrupts, time and sleep.

pub(crate) mod access;
pub(crate) mod apic;
pub(crate) mod backtrace;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod fixups;
pub(crate) mod frame;
pub(crate) mod idle;
pub(crate) mod local;
pub(crate) mod random;
pub(crate) mod retries;
pub(crate) mod strings;
pub(crate) mod vectors;
