//! The network device: virtio on PCI.
//!
//! `virtio-drivers` finds the device, sets it up and manages the rings. This module keeps the cost per packet
//! low: doorbell addresses are computed once, and a doorbell is rung at most once per ring and turn. There is
//! no event index. Received packets interrupt only a CPU that is about to sleep.

mod doorbell;
mod error;
mod hal;
mod msix;
pub(crate) mod nic;
mod packets;
mod receive;
mod transmit;
