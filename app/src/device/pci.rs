//! Accesses the PCI configuration space through the legacy I/O ports, which every PC with PCI has.

#![expect(unsafe_code, reason = "reads and writes I/O ports")]

use spin::Mutex;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};
use x86_64::instructions::port::{Port, PortWriteOnly};

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;

/// Held during an access, which consists of a write to the address port and an access to the data port.
static PORTS: Mutex<()> = Mutex::new(());

/// Accesses the first 256 bytes of the configuration space of each PCI function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortAccess;

fn select(device: DeviceFunction, offset: u8) {
    let function = u32::from(device.bus) << 16
        | u32::from(device.device) << 11
        | u32::from(device.function) << 8;
    let address = ENABLE | function | u32::from(offset & !3);
    // SAFETY: selects the register of the data port, under the lock.
    unsafe { PortWriteOnly::<u32>::new(ADDRESS).write(address) };
}

impl ConfigurationAccess for PortAccess {
    fn read_word(&self, device: DeviceFunction, offset: u8) -> u32 {
        let _ports = PORTS.lock();
        select(device, offset);
        // SAFETY: reading a configuration register has no effect on the image's memory.
        unsafe { Port::<u32>::new(DATA).read() }
    }

    fn write_word(&mut self, device: DeviceFunction, offset: u8, data: u32) {
        let _ports = PORTS.lock();
        select(device, offset);
        // SAFETY: drivers write to the registers of their own device. The addresses in BARs are checked when the
        // BARs are mapped.
        unsafe { Port::<u32>::new(DATA).write(data) };
    }

    unsafe fn unsafe_clone(&self) -> Self {
        *self
    }
}
