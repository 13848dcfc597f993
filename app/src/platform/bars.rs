//! Reads the BARs (base address registers) of a PCI device, and assigns addresses to those that the firmware has left
//! at 0.
//!
//! SeaBIOS assigns BARs. qboot and the loaders of Cloud Hypervisor and Firecracker may leave them at 0.

use core::fmt;

use virtio_drivers::transport::pci::bus::{
    BarInfo, Command, ConfigurationAccess, DeviceFunction, PciError, PciRoot,
};

use crate::platform::span::Span;

/// Number of BARs of a PCI device.
pub const BARS: usize = 6;

/// A range of physical addresses that contains neither RAM nor registers, from which addresses for BARs are taken.
#[derive(Clone, Copy, Debug)]
pub struct Aperture {
    free: Span,
}

impl Aperture {
    /// The free range of a PC. On all PC machines of QEMU, RAM below 4 GiB lies below this range, and the APICs lie
    /// above.
    pub const PC: Self = Self { free: Span::new(0xe800_0000, 0xfe00_0000) };

    /// Takes a range of `bytes` bytes, which must be a power of two, and returns its address, which is a multiple of
    /// `bytes`.
    fn take(&mut self, bytes: u64) -> Result<u64, BarError> {
        let start = self.free.start.next_multiple_of(bytes);
        let end = start.checked_add(bytes).filter(|end| *end <= self.free.end);
        self.free.start = end.ok_or(BarError::Full { bytes })?;
        Ok(start)
    }
}

/// The address range of each BAR. `None` for an unused BAR, or one in I/O space.
pub type Bars = [Option<Span>; BARS];

/// Assigns an address to every memory BAR that is at 0, and enables the device's memory decoding and bus mastering.
///
/// # Errors
///
/// - [`BarError::Kind`]: the type of a BAR is invalid.
/// - [`BarError::Full`]: the aperture has no free range.
pub fn assign<C: ConfigurationAccess>(
    root: &mut PciRoot<C>,
    device: DeviceFunction,
    aperture: &mut Aperture,
) -> Result<Bars, BarError> {
    let mut bars = [None; BARS];
    for (index, info) in root.bars(device)?.into_iter().enumerate() {
        let Some(info) = info else { continue };
        let Some((mut address, bytes)) = info.memory_address_size() else {
            continue;
        };
        if address == 0 {
            address = aperture.take(bytes)?;
            place(root, device, index, &info, address);
        }
        bars[index] = Some(Span::from_bytes(address, bytes));
    }
    let (_, command) = root.get_status_command(device);
    root.set_command(device, command | Command::MEMORY_SPACE | Command::BUS_MASTER);
    Ok(bars)
}

fn place<C: ConfigurationAccess>(
    root: &mut PciRoot<C>,
    device: DeviceFunction,
    index: usize,
    info: &BarInfo,
    address: u64,
) {
    let index = u8::try_from(index).unwrap_or(u8::MAX);
    if info.takes_two_entries() {
        root.set_bar_64(device, index, address);
    } else {
        root.set_bar_32(device, index, u32::try_from(address).unwrap_or(u32::MAX));
    }
}

/// Reasons why a device's BARs cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarError {
    /// The type of a BAR is invalid.
    Kind,
    /// The aperture has no free range.
    Full {
        /// Size of the BAR.
        bytes: u64,
    },
}

impl From<PciError> for BarError {
    fn from(error: PciError) -> Self {
        match error {
            PciError::InvalidBarType => Self::Kind,
        }
    }
}

impl fmt::Display for BarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => write!(f, "a BAR is of an unknown kind"),
            Self::Full { bytes } => write!(f, "no addresses are left for a BAR of {bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fake_pci::FakeFunction;

    const COMMAND: usize = 1;
    const BAR0: usize = 4;

    #[test]
    fn bars_at_zero_get_an_address() {
        let function = FakeFunction::new();
        function.add_bar_32(1, 0x1000);
        function.add_bar_64(4, 0x4000);
        let bars = assign(&mut function.root(), FakeFunction::ADDRESS, &mut Aperture::PC.clone());
        let bars = bars.unwrap();
        assert_eq!(bars[1], Some(Span::from_bytes(0xe800_0000, 0x1000)));
        assert_eq!(bars[4], Some(Span::from_bytes(0xe800_4000, 0x4000)));
        assert_eq!(bars[0], None);
        assert_eq!(function.word(BAR0 + 1), 0xe800_0000);
        assert_eq!(function.word(BAR0 + 4) & !0xf, 0xe800_4000);
        assert_eq!(function.word(BAR0 + 5), 0);
        assert_eq!(function.word(COMMAND) & 6, 6);
    }

    #[test]
    fn addresses_of_the_firmware_are_kept() {
        let function = FakeFunction::new();
        function.add_bar_64(4, 0x4000);
        function.set_word(BAR0 + 4, 0xc);
        function.set_word(BAR0 + 5, 0x38);
        let bars = assign(&mut function.root(), FakeFunction::ADDRESS, &mut Aperture::PC.clone());
        assert_eq!(bars.unwrap()[4], Some(Span::from_bytes(0x38_0000_0000, 0x4000)));
    }

    #[test]
    fn a_bar_that_does_not_fit_is_an_error() {
        let function = FakeFunction::new();
        function.add_bar_32(0, 1 << 30);
        let bars = assign(&mut function.root(), FakeFunction::ADDRESS, &mut Aperture::PC.clone());
        assert_eq!(bars.unwrap_err(), BarError::Full { bytes: 1 << 30 });
    }
}
