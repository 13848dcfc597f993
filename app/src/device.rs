//! Drivers of the devices of the machine. Each driver is a type with safe methods.

mod dma;
mod pci;
pub(crate) mod rtc;
pub(crate) mod virtio;
