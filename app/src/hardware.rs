//! Drives the x86_64 processor and the PC platform, for both runtimes.
//!
//! These modules do not depend on the runtime.

pub(crate) mod boot;
pub(crate) mod console;
pub(crate) mod cpu;
pub(crate) mod exit;
pub(crate) mod fault;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod pit;
pub(crate) mod reach;
pub(crate) mod registers;
pub(crate) mod serial;
