//! Finds the registers of a virtio PCI device that the driver uses directly: the common configuration, the doorbells
//! and the MSI-X table.
//!
//! # Source
//!
//! Virtio 1.2, "Virtio Structure PCI Capabilities"; PCI Local Bus 3.0, "MSI-X Capability and Table
//! Structure".

use core::fmt;

use virtio_drivers::transport::pci::bus::{
    CapabilityInfo, ConfigurationAccess, DeviceFunction, PciRoot,
};
use virtio_drivers::transport::pci::{VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_NOTIFY_CFG};

use crate::platform::bars::Bars;
use crate::platform::span::Span;

const CAPABILITY_VENDOR: u8 = 0x09;
const CAPABILITY_MSIX: u8 = 0x11;
/// Bit of the first word of the MSI-X capability that enables MSI-X.
const MSIX_ENABLE: u32 = 1 << 31;
const MSIX_FUNCTION_MASK: u32 = 1 << 30;
/// Bytes of an entry of the MSI-X table.
const MSIX_ENTRY_BYTES: u64 = 16;

/// The physical addresses of the registers of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The common configuration, with which a queue is selected and configured.
    pub common: Span,
    /// The doorbells of all queues.
    pub notify: Span,
    /// Distance between two doorbells in bytes.
    pub notify_stride: u32,
    /// MSI-X, or `None` if the device has only a legacy interrupt.
    pub msix: Option<Msix>,
}

/// The location of the MSI-X registers of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Msix {
    /// Offset of the MSI-X capability in the configuration space.
    pub capability: u8,
    /// Addresses of the MSI-X table.
    pub table: Span,
}

impl Layout {
    /// Reads the capabilities of a device. `bars` are the address ranges of its BARs.
    ///
    /// # Errors
    ///
    /// See [`LayoutError`].
    pub fn read<C: ConfigurationAccess>(
        root: &PciRoot<C>,
        access: &C,
        device: DeviceFunction,
        bars: &Bars,
    ) -> Result<Self, LayoutError> {
        let mut common = None;
        let mut notify = None;
        let mut msix = None;
        for capability in root.capabilities(device) {
            let word = |offset: u8| access.read_word(device, capability.offset + offset);
            match (capability.id, kind(&capability)) {
                (CAPABILITY_VENDOR, VIRTIO_PCI_CAP_COMMON_CFG) if common.is_none() => {
                    common = Some(part(bars, word(4), word(8).into(), word(12).into())?);
                }
                (CAPABILITY_VENDOR, VIRTIO_PCI_CAP_NOTIFY_CFG) if notify.is_none() => {
                    let span = part(bars, word(4), word(8).into(), word(12).into())?;
                    notify = Some((span, word(16)));
                }
                (CAPABILITY_MSIX, _) => {
                    let entries = u64::from(capability.private_header & 0x7ff) + 1;
                    let (bar, offset) = (word(4) & 7, u64::from(word(4) & !7));
                    let table = part(bars, bar, offset, entries * MSIX_ENTRY_BYTES)?;
                    msix = Some(Msix { capability: capability.offset, table });
                }
                _ => {}
            }
        }
        let common = common.ok_or(LayoutError::Missing { part: "common configuration" })?;
        let (notify, notify_stride) = notify.ok_or(LayoutError::Missing { part: "doorbells" })?;
        Ok(Self { common, notify, notify_stride, msix })
    }
}

/// Returns the type of a virtio capability.
fn kind(capability: &CapabilityInfo) -> u8 {
    capability.private_header.to_be_bytes()[0]
}

fn part(bars: &Bars, bar: u32, offset: u64, bytes: u64) -> Result<Span, LayoutError> {
    let bar = bar & 0xff;
    let whole = usize::try_from(bar).ok().and_then(|bar| bars.get(bar).copied().flatten());
    let whole = whole.ok_or(LayoutError::NoBar { bar })?;
    let part = Span::from_bytes(whole.start.saturating_add(offset), bytes);
    if part.intersection(whole) != part {
        return Err(LayoutError::Outside { part, whole });
    }
    Ok(part)
}

impl Msix {
    /// Switches the device from its legacy interrupt to MSI-X.
    pub fn enable<C: ConfigurationAccess>(self, access: &mut C, device: DeviceFunction) {
        let control = access.read_word(device, self.capability);
        let control = (control | MSIX_ENABLE) & !MSIX_FUNCTION_MASK;
        access.write_word(device, self.capability, control);
    }
}

/// Reasons why a device's registers cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// A mandatory capability is missing.
    Missing {
        /// Name of the capability.
        part: &'static str,
    },
    /// A capability refers to a BAR without memory.
    NoBar {
        /// Number of the BAR.
        bar: u32,
    },
    /// A capability exceeds its BAR.
    Outside {
        /// Addresses of the capability.
        part: Span,
        /// Addresses of the BAR.
        whole: Span,
    },
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { part } => write!(f, "the device describes no {part}"),
            Self::NoBar { bar } => write!(f, "BAR {bar} has no memory"),
            Self::Outside { part, whole } => write!(f, "{part:?} leaves its BAR {whole:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fake_pci::FakeFunction;

    /// The capabilities of QEMU's virtio-net-pci.
    fn qemu() -> (FakeFunction, Bars) {
        let function = FakeFunction::new();
        function.add_capability(0x98 / 4, &[0x8003_0011, 1, 0x801]);
        function.add_capability(0x64 / 4, &[0x0214_0009, 4, 0x3000, 0x1000, 4]);
        function.add_capability(0x40 / 4, &[0x0110_0009, 4, 0, 0x1000]);
        let mut bars = [None; 6];
        bars[1] = Some(Span::from_bytes(0xfebf_1000, 0x1000));
        bars[4] = Some(Span::from_bytes(0xfe00_0000, 0x4000));
        (function, bars)
    }

    fn read(function: &FakeFunction, bars: &Bars) -> Result<Layout, LayoutError> {
        Layout::read(&function.root(), function, FakeFunction::ADDRESS, bars)
    }

    #[test]
    fn parts_are_found() {
        let (function, bars) = qemu();
        let layout = read(&function, &bars).unwrap();
        assert_eq!(layout.common, Span::from_bytes(0xfe00_0000, 0x1000));
        assert_eq!(layout.notify, Span::from_bytes(0xfe00_3000, 0x1000));
        assert_eq!(layout.notify_stride, 4);
        let msix = layout.msix.unwrap();
        assert_eq!(msix.capability, 0x98);
        assert_eq!(msix.table, Span::from_bytes(0xfebf_1000, 64));
    }

    #[test]
    fn a_part_outside_its_bar_is_an_error() {
        let (function, mut bars) = qemu();
        bars[4] = Some(Span::from_bytes(0xfe00_0000, 0x2000));
        assert!(matches!(read(&function, &bars), Err(LayoutError::Outside { .. })));
        bars[4] = None;
        assert_eq!(read(&function, &bars), Err(LayoutError::NoBar { bar: 4 }));
        let empty = FakeFunction::new();
        assert!(matches!(read(&empty, &bars), Err(LayoutError::Missing { .. })));
    }
}
