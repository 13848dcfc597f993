//! The driver of the network device, a virtio device on PCI.
//!
//! The crate `virtio-drivers` initializes the device and manages the rings. This module keeps the cost per packet low:
//! the addresses of doorbells are computed once, and in each turn of the server loop a doorbell is rung at most once
//! per ring. The virtio event index is not used. The device interrupts for received packets only after a turn in which
//! no packet was received, because only then the CPU may sleep.

mod doorbell;
mod error;
mod hal;
mod msix;
pub(crate) mod nic;
mod packets;
mod receive;
mod transmit;
