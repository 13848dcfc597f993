//! From the loader's hand to Rust: the entry point, and what the loader and the firmware say.

mod acpi;
pub(crate) mod entry;
pub(crate) mod info;
