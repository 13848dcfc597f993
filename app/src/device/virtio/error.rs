//! Errors of the network device.

use core::fmt;

use crate::hardware::memory::tables::MapError;
use crate::platform::bars::BarError;
use crate::platform::virtio_pci::LayoutError;

/// Reasons why the network device cannot be used.
#[derive(Clone, Debug)]
pub(crate) enum NicError {
    /// Bus 0 has no virtio network device.
    Absent,
    /// The BARs of the device cannot be used.
    Bar(BarError),
    /// The registers of the device cannot be found.
    Layout(LayoutError),
    /// The registers of the device cannot be mapped.
    Map(MapError),
    /// The device has no MSI-X table.
    NoMsix,
    /// The device is older than virtio 1.
    Legacy,
    /// The device refused the features of the driver.
    Features,
    /// There is no physically contiguous memory for the buffers.
    NoMemory {
        /// Number of contiguous frames.
        frames: u64,
    },
    /// `virtio-drivers` did not find the device's registers.
    Transport,
    /// A ring could not be set up.
    Ring(virtio_drivers::Error),
}

impl From<BarError> for NicError {
    fn from(error: BarError) -> Self {
        Self::Bar(error)
    }
}

impl From<LayoutError> for NicError {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}

impl From<MapError> for NicError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

impl From<virtio_drivers::Error> for NicError {
    fn from(error: virtio_drivers::Error) -> Self {
        Self::Ring(error)
    }
}

impl fmt::Display for NicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(f, "no virtio network device on PCI bus 0"),
            Self::Bar(error) => error.fmt(f),
            Self::Layout(error) => error.fmt(f),
            Self::Map(error) => error.fmt(f),
            Self::NoMsix => write!(f, "the network device has no MSI-X"),
            Self::Legacy => write!(f, "the network device is older than virtio 1"),
            Self::Features => write!(f, "the network device refuses the driver's features"),
            Self::NoMemory { frames } => write!(f, "no {frames} frames in a row for packets"),
            Self::Transport => write!(f, "the network device's registers are incomplete"),
            Self::Ring(error) => write!(f, "network ring: {error}"),
        }
    }
}
