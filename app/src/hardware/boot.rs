//! The start of the image: the entry point in assembly, and the records of the loader and the ACPI tables of the
//! firmware.

mod acpi;
pub(crate) mod entry;
pub(crate) mod info;
