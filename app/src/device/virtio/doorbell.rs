//! Doorbells: one register per ring, whose address is computed once.

use crate::device::virtio::error::NicError;
use crate::hardware::registers::Registers;
use crate::platform::virtio_pci::Layout;

// Offsets in the common configuration: Virtio 1.2, "Common configuration structure layout".
const QUEUE_SELECT: u64 = 0x16;
const QUEUE_MSIX_VECTOR: u64 = 0x1a;
const QUEUE_NOTIFY_OFF: u64 = 0x1e;

/// The registers of the rings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rings {
    common: Registers,
    notify: Registers,
    stride: u32,
}

impl Rings {
    /// Maps the registers of the layout.
    pub(crate) fn map(layout: &Layout) -> Result<Self, NicError> {
        Ok(Self {
            common: Registers::map(layout.common)?,
            notify: Registers::map(layout.notify)?,
            stride: layout.notify_stride,
        })
    }

    /// Returns the doorbell of a ring.
    pub(crate) fn doorbell(&self, ring: u16) -> Doorbell {
        self.common.write(QUEUE_SELECT, ring);
        let index: u16 = self.common.read(QUEUE_NOTIFY_OFF);
        let offset = u64::from(index) * u64::from(self.stride);
        Doorbell { register: self.notify.part(offset, 2), ring }
    }

    /// Sets the MSI-X entry of a ring. Returns whether the device accepted it.
    pub(crate) fn set_interrupt(&self, ring: u16, entry: u16) -> bool {
        self.common.write(QUEUE_SELECT, ring);
        self.common.write(QUEUE_MSIX_VECTOR, entry);
        self.common.read::<u16>(QUEUE_MSIX_VECTOR) == entry
    }
}

/// The register that notifies the device of new buffers in one ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doorbell {
    register: Registers,
    ring: u16,
}

impl Doorbell {
    /// Notifies the device, at the cost of one exit from the guest.
    pub(crate) fn ring(self) {
        self.register.write(0, self.ring);
    }
}
