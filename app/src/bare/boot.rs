//! From the loader's hand to Rust: the entry point, what the loader and the firmware say, and the
//! first instructions of the other CPUs.

mod acpi;
pub(crate) mod entry;
pub(crate) mod info;
pub(crate) mod trampoline;
