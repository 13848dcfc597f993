//! Sets up the MSI-X table of the network device. Its entry 0 raises an interrupt for received packets, which wakes a
//! sleeping CPU.

use virtio_drivers::transport::pci::bus::DeviceFunction;

use crate::device::pci::PortAccess;
use crate::device::virtio::error::NicError;
use crate::hardware::cpu::{apic, vectors};
use crate::hardware::registers::Registers;
use crate::platform::virtio_pci::Msix;

/// Index of the table entry for received packets.
pub(crate) const RECEIVE_ENTRY: u16 = 0;

// Offsets in an entry: PCI Local Bus 3.0, "MSI-X Table Structure".
const ADDRESS_LOW: u64 = 0;
const ADDRESS_HIGH: u64 = 4;
const DATA: u64 = 8;
const CONTROL: u64 = 12;
const CONTROL_MASKED: u32 = 1;

/// Address at which local APICs receive interrupt messages. Bits 12 to 19 select the APIC.
const MESSAGE_ADDRESS: u32 = 0xfee0_0000;

/// Makes entry 0 interrupt the calling CPU, and enables MSI-X.
pub(crate) fn enable(msix: Msix, device: DeviceFunction) -> Result<(), NicError> {
    let table = Registers::map(msix.table)?;
    table.write(CONTROL, CONTROL_MASKED);
    table.write(ADDRESS_LOW, MESSAGE_ADDRESS | (apic::id() << 12));
    table.write(ADDRESS_HIGH, 0_u32);
    table.write(DATA, u32::from(vectors::NETWORK));
    table.write(CONTROL, 0_u32);
    msix.enable(&mut PortAccess, device);
    Ok(())
}
