//! The network device: virtio on PCI.
//!
//! `virtio-drivers` finds the device, sets it up and keeps the rings. The cost per packet is
//! ours: doorbells whose addresses are worked out once, rung at most once per ring and turn; no
//! event index; received packets that interrupt only a CPU which is about to sleep.

mod doorbell;
mod error;
mod hal;
mod msix;
pub(crate) mod nic;
mod packets;
mod receive;
mod transmit;
