//! The registers of the rings. Each ring has a doorbell, a register that notifies the device, whose address is computed
//! once.

use crate::device::virtio::error::NicError;
use crate::hardware::registers::Registers;
use crate::platform::virtio_pci::Layout;

// Offsets in the common configuration: Virtio 1.2, "Common configuration structure layout".
const QUEUE_SELECT: u64 = 0x16;
const QUEUE_MSIX_VECTOR: u64 = 0x1a;
const QUEUE_NOTIFY_OFF: u64 = 0x1e;

/// The registers with which rings are configured, and those of all doorbells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rings {
    common: Registers,
    notify: Registers,
    stride: u32,
}

impl Rings {
    /// Maps the registers whose addresses are in `layout`.
    pub(crate) fn map(layout: &Layout) -> Result<Self, NicError> {
        Ok(Self {
            common: Registers::map(layout.common)?,
            notify: Registers::map(layout.notify)?,
            stride: layout.notify_stride,
        })
    }

    /// Returns the doorbell of the ring with the index `ring`.
    pub(crate) fn doorbell(&self, ring: u16) -> Doorbell {
        self.common.write(QUEUE_SELECT, ring);
        let index: u16 = self.common.read(QUEUE_NOTIFY_OFF);
        let offset = u64::from(index) * u64::from(self.stride);
        Doorbell { register: self.notify.part(offset, 2), ring }
    }

    /// Sets the index of the MSI-X table entry for the interrupts of a ring. Returns whether the device has accepted
    /// the index.
    pub(crate) fn set_interrupt(&self, ring: u16, entry: u16) -> bool {
        self.common.write(QUEUE_SELECT, ring);
        self.common.write(QUEUE_MSIX_VECTOR, entry);
        self.common.read::<u16>(QUEUE_MSIX_VECTOR) == entry
    }
}

/// The register that notifies the device of new buffers in one ring, with the index of the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doorbell {
    register: Registers,
    ring: u16,
}

impl Doorbell {
    /// Notifies the device. On a virtual machine this costs an exit to the hypervisor.
    pub(crate) fn ring(self) {
        self.register.write(0, self.ring);
    }
}
