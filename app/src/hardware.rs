//! x86_64 and the PC: the hardware below every runtime.
//!
//! The modules do not know which kernel runs.

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
