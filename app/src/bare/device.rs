//! Devices of the machine, each behind a type with safe methods.

pub(crate) mod exit;
pub(crate) mod pci;
pub(crate) mod pit;
pub(crate) mod registers;
pub(crate) mod rtc;
pub(crate) mod serial;
pub(crate) mod virtio;
