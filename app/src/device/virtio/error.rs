//! Why there is no network.

use core::fmt;

use crate::hardware::memory::tables::MapError;
use crate::platform::bars::BarError;
use crate::platform::virtio_pci::LayoutError;

/// Why the network device cannot be used.
#[derive(Clone, Debug)]
pub(crate) enum NicError {
    /// Bus 0 has no virtio network device.
    Absent,
    /// Its BARs have no place.
    Bar(BarError),
    /// Its registers cannot be found.
    Layout(LayoutError),
    /// Its registers cannot be mapped.
    Map(MapError),
    /// It has no table of interrupts.
    NoMsix,
    /// It is older than virtio 1.
    Legacy,
    /// It refused the features that the driver wants.
    Features,
    /// No physically contiguous memory for its buffers.
    NoMemory {
        /// Frames in a row.
        frames: u64,
    },
    /// `virtio-drivers` could not find its way in the configuration space.
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
