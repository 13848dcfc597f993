//! One error per public verb, each variant with the numbers that a person needs.

use core::fmt;

use crate::id::RegionId;
use crate::page::PageCount;

/// Why a [`Request`](crate::Request) cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The size is 0.
    ZeroSize,
    /// Pages and guard have no 64-bit size.
    SizeOverflow {
        /// The requested value.
        bytes: u64,
    },
    /// Not a power of two.
    Alignment {
        /// The requested value.
        bytes: u64,
    },
    /// Leaves of 2 MiB are required, and the size is smaller than one.
    TooSmallForHuge {
        /// The requested value.
        bytes: u64,
    },
    /// A NUMA node that the crate does not count.
    Node {
        /// The requested value.
        node: u32,
        /// Nodes are below this.
        limit: usize,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroSize => write!(f, "size 0"),
            Self::SizeOverflow { bytes } => write!(f, "size {bytes} overflows"),
            Self::Alignment { bytes } => write!(f, "alignment {bytes} is not a power of two"),
            Self::TooSmallForHuge { bytes } => write!(f, "size {bytes} is less than 2 MiB"),
            Self::Node { node, limit } => write!(f, "node {node}, limit {limit}"),
        }
    }
}

/// The reason why a region was not allocated. The state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocateError {
    /// More than could ever be served.
    TooBig {
        /// Bytes asked for.
        requested: u64,
        /// The most bytes that clients can allocate in total.
        usable: u64,
    },
    /// Not enough free frames for the pages, the tables above them and the reserve.
    FramesExhausted {
        /// Frames that were needed when the search gave up.
        requested: u64,
        /// Frames that were free to this caller.
        available: u64,
    },
    /// No free run of addresses holds pages, guard and alignment.
    WindowExhausted {
        /// Pages with their guard.
        requested: PageCount,
        /// The alignment of the first page.
        align: PageCount,
        /// The longest free run.
        largest_gap: PageCount,
    },
    /// Every region slot is taken.
    RegionsExhausted {
        /// How many there are.
        limit: u32,
    },
}

impl fmt::Display for AllocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooBig { requested, usable } => {
                write!(f, "{requested} bytes exceed {usable} of usable memory")
            }
            Self::FramesExhausted { requested, available } => {
                write!(f, "need {requested} frames, {available} free")
            }
            Self::WindowExhausted { requested, align, largest_gap } => {
                write!(f, "need {requested} at a multiple of {align}, largest gap {largest_gap}")
            }
            Self::RegionsExhausted { limit } => write!(f, "all {limit} region slots are taken"),
        }
    }
}

/// The reason why a region was not freed, named, resized or protected. The state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError {
    /// No region has, or ever had, this id.
    Unknown {
        /// The id as given.
        id: u64,
    },
    /// The region is gone: freed already, or being freed by another CPU right now.
    Gone {
        /// The id as given.
        id: RegionId,
    },
    /// A [`Region`](crate::Region) owns it, and frees it when it is dropped.
    Owned {
        /// The id as given.
        id: RegionId,
    },
    /// Another thread is resizing it or changing its rights.
    Changing {
        /// The id as given.
        id: RegionId,
    },
    /// The address is not the first byte of a region.
    NotRegionStart {
        /// The address as given.
        address: u64,
        /// The start of the region that contains the address or lies before it, or 0.
        region_start: u64,
    },
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { id } => write!(f, "no region {id}"),
            Self::Gone { id } => write!(f, "region {id} is gone"),
            Self::Owned { id } => write!(f, "region {id} has an owner"),
            Self::Changing { id } => write!(f, "region {id} is being changed"),
            Self::NotRegionStart { address, region_start } => {
                write!(f, "{address:#x} is not a region's start, nearest is {region_start:#x}")
            }
        }
    }
}

/// Why a region could not be resized. It is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResizeError {
    /// The size is invalid.
    Request(RequestError),
    /// There is no such region, or it is not the caller's.
    Region(RegionError),
    /// The resources for the resize are not free.
    Allocate(AllocateError),
    /// The addresses behind it are taken, and it must not move.
    MustMove {
        /// Pages that it would have.
        requested: PageCount,
    },
    /// Its frames are the caller's: there are no others to give it.
    Mapped {
        /// The id as given.
        id: RegionId,
    },
}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Region(error) => error.fmt(f),
            Self::Allocate(error) => error.fmt(f),
            Self::MustMove { requested } => write!(f, "no room for {requested} in place"),
            Self::Mapped { id } => write!(f, "region {id} maps frames of its caller"),
        }
    }
}

impl core::error::Error for ResizeError {}

/// Why a window could not be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// The window is empty, not in the higher half, or not canonical.
    Window {
        /// Its first address.
        start: u64,
        /// Its bytes.
        bytes: u64,
    },
    /// No run of frames is long enough for the crate's own records.
    Memory {
        /// Frames needed in one run.
        needed: u64,
        /// The longest run there is.
        longest: u64,
    },
    /// A level-4 entry of the window is taken already.
    Occupied {
        /// The first address that the entry covers.
        address: u64,
    },
    /// Memory lies too far apart for the crate's frame numbers.
    Span {
        /// Frames from the lowest to the highest.
        frames: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Memory of a NUMA node that the crate does not count.
    Node {
        /// The node.
        node: u32,
        /// How many there may be.
        limit: usize,
    },
    /// More CPUs than the crate keeps generations for.
    Cpus {
        /// How many the machine has.
        count: u32,
        /// How many there may be.
        limit: u32,
    },
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window { start, bytes } => {
                write!(f, "window {start:#x} of {bytes} bytes is not in the higher half")
            }
            Self::Memory { needed, longest } => {
                write!(f, "records need {needed} frames in a run, longest has {longest}")
            }
            Self::Occupied { address } => write!(f, "level-4 entry of {address:#x} is taken"),
            Self::Span { frames, limit } => {
                write!(f, "memory spans {frames} frames, limit {limit}")
            }
            Self::Node { node, limit } => write!(f, "memory of node {node}, limit {limit}"),
            Self::Cpus { count, limit } => write!(f, "{count} CPUs, limit {limit}"),
        }
    }
}

/// The reason why a verb that takes a plain size failed. The state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmallocError {
    /// The size is invalid.
    Request(RequestError),
    /// The resources for the region are not free.
    Allocate(AllocateError),
}

impl fmt::Display for VmallocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Allocate(error) => error.fmt(f),
        }
    }
}

impl From<RegionError> for ResizeError {
    fn from(error: RegionError) -> Self {
        Self::Region(error)
    }
}

impl core::error::Error for RequestError {}
impl core::error::Error for VmallocError {}
impl core::error::Error for AllocateError {}
impl core::error::Error for RegionError {}
impl core::error::Error for SetupError {}
