//! The devices of the machine, each behind a type with safe methods.

mod dma;
mod pci;
pub(crate) mod rtc;
pub(crate) mod virtio;
