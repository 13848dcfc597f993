//! The errors of the public methods.

use core::fmt;

use crate::id::RegionId;
use crate::page::PageCount;

/// The reason why a [`Request`](crate::Request) is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The size is 0.
    ZeroSize,
    /// The size with its guard page does not fit in 64 bits.
    SizeOverflow {
        /// The requested value.
        bytes: u64,
    },
    /// The alignment is not a power of two.
    Alignment {
        /// The requested value.
        bytes: u64,
    },
    /// Leaves of 2 MiB are required, and the size is below 2 MiB.
    TooSmallForHuge {
        /// The requested value.
        bytes: u64,
    },
    /// The number of the NUMA node is too high.
    Node {
        /// The requested value.
        node: u32,
        /// The lowest number that is too high.
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
#[non_exhaustive]
pub enum AllocateError {
    /// The size exceeds all memory that the request may have, so it can never be served: all
    /// memory without the reserve, the memory of the only NUMA node that the request accepts, or
    /// the blocks of 2 MiB that it requires.
    TooBig {
        /// The requested bytes.
        requested: u64,
        /// The number of bytes of all memory that the request may have.
        usable: u64,
    },
    /// Too few frames are free for the pages, the tables over them and the reserve.
    FramesExhausted {
        /// The number of frames that the failing step needed.
        requested: u64,
        /// The number of frames that were free for this request.
        available: u64,
    },
    /// No free run of addresses is long enough for the pages and the guard page at the alignment.
    WindowExhausted {
        /// The number of pages with the guard page.
        requested: PageCount,
        /// The alignment of the first page.
        align: PageCount,
        /// The length of the longest free run.
        largest_gap: PageCount,
    },
    /// All region slots are in use.
    RegionsExhausted {
        /// The number of slots.
        limit: u32,
    },
    /// The request needs a flush on other CPUs, and must not wait:
    /// [`Request::nowait`](crate::Request::nowait), [`Resize::nowait`](crate::Resize::nowait). A
    /// request that may wait could succeed.
    WouldWait {
        /// The number of pages that a flush would release.
        pages_lazy: u64,
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
            Self::WouldWait { pages_lazy } => {
                write!(f, "must not wait for other CPUs, {pages_lazy} pages are lazy")
            }
        }
    }
}

/// The reason why a region was not found, freed, resized or protected. The state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionError {
    /// No region ever had this id.
    Unknown {
        /// The id as given.
        id: u64,
    },
    /// The region was freed, or another CPU is freeing it.
    Gone {
        /// The id as given.
        id: RegionId,
    },
    /// A [`Region`](crate::Region) or a collection owns the region and frees it when dropped.
    Owned {
        /// The id as given.
        id: RegionId,
    },
    /// Another thread is resizing the region or changing its rights.
    Changing {
        /// The id as given.
        id: RegionId,
    },
    /// The region maps frames of the caller of [`vmap`](crate::Vmalloc::vmap), who has not promised
    /// these rights.
    NotPromised {
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
            Self::NotPromised { id } => write!(f, "region {id} maps frames for fewer rights"),
            Self::NotRegionStart { address, region_start } => {
                write!(f, "{address:#x} is not a region's start, nearest is {region_start:#x}")
            }
        }
    }
}

/// The reason why a region was not resized. The region is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeError {
    /// The size is invalid.
    Request(RequestError),
    /// The region does not exist, or the caller may not change it.
    Region(RegionError),
    /// The resources for the resize are exhausted.
    Allocate(AllocateError),
    /// The addresses behind the region are not free, and the request excludes a move.
    MustMove {
        /// The number of pages that was requested.
        requested: PageCount,
    },
    /// The region maps frames of the caller, so the crate cannot add or remove frames.
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

/// The reason why a run of frames cannot be memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// The run has frames that a run before it in the list has too.
    Overlap {
        /// The position of the run before it.
        other: usize,
    },
    /// The run ends above the highest physical address.
    Beyond {
        /// The number of bytes of all physical addresses.
        limit: u64,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap { other } => write!(f, "overlaps run {other}"),
            Self::Beyond { limit } => write!(f, "ends above {limit:#x}"),
        }
    }
}

/// The reason why a region has no view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewError {
    /// The region maps frames of the caller, which other code may write.
    Mapped {
        /// The id of the region.
        id: RegionId,
    },
    /// The rights of the pages forbid the accesses of the view.
    Protection {
        /// The id of the region.
        id: RegionId,
    },
    /// The contents may be undefined.
    Uninitialized {
        /// The id of the region.
        id: RegionId,
    },
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapped { id } => write!(f, "region {id} maps frames of its caller"),
            Self::Protection { id } => write!(f, "the rights of region {id} forbid the access"),
            Self::Uninitialized { id } => write!(f, "the contents of region {id} are undefined"),
        }
    }
}

impl core::error::Error for ViewError {}

/// The reason why a window was not set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// The window is empty, not in the higher half, or not canonical.
    Window {
        /// The first address of the window.
        start: u64,
        /// The size of the window in bytes.
        bytes: u64,
    },
    /// No run of frames is long enough for the records of the crate.
    Memory {
        /// The number of frames that one run must have.
        needed: u64,
        /// The number of frames of the longest run.
        longest: u64,
    },
    /// A level-4 entry of the window is in use.
    Occupied {
        /// The first address that the entry covers.
        address: u64,
    },
    /// The lowest and the highest frame are too far apart for frame numbers.
    Span {
        /// The number of frames from the lowest to the highest one.
        frames: u64,
        /// The highest allowed number.
        limit: u64,
    },
    /// A run of the memory is not possible. Runs without frames are ignored.
    Run {
        /// The position of the run in the list.
        index: usize,
        /// The physical address of the first frame of the run.
        start: u64,
        /// The number of frames of the run.
        count: u64,
        /// The reason why the run is not possible.
        reason: RunError,
    },
    /// Memory of a NUMA node whose number is too high.
    Node {
        /// The number of the node.
        node: u32,
        /// The lowest number that is too high.
        limit: usize,
    },
    /// The machine has too many CPUs.
    Cpus {
        /// The number of CPUs.
        count: u32,
        /// The highest allowed number.
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
            Self::Run { index, start, count, reason } => {
                write!(f, "run {index} of {count} frames at {start:#x} {reason}")
            }
            Self::Node { node, limit } => write!(f, "memory of node {node}, limit {limit}"),
            Self::Cpus { count, limit } => write!(f, "{count} CPUs, limit {limit}"),
        }
    }
}

/// The reason why a method that takes a size instead of a request failed. The state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VmallocError {
    /// The size is invalid.
    Request(RequestError),
    /// The resources for the region are exhausted.
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
