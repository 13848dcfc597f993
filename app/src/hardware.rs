//! x86_64 and the PC as every runtime finds them: what is below a kernel, not part of one.
//!
//! No module here knows which kernel runs.

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
