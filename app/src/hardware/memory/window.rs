//! Sets up the window, and names the owner of an address in the window for fault reports.

#![expect(unsafe_code, reason = "gives the memory away")]

use core::fmt;

use arrayvec::ArrayVec;
use runtime_config::cmdline;
use runtime_config::layout::WINDOW_START;
use vmalloc::{
    Config, Frame, FrameRange, Page, PageCount, PageRange, REGIONS_MAX, SetupError, SiteKind,
    Vmalloc,
};
use x86_64::{PhysAddr, VirtAddr};

use crate::hardware::machine::{self, PcMachine, Window};
use crate::platform::memory_map::{MemoryMap, SPANS_MAX};
use crate::platform::topology::Topology;

const PAGE_BYTES: u64 = 4096;
/// If the configuration sets no reserve, one of this many frames is reserved for the image and is not allocated to
/// clients.
const RESERVE_PART: u64 = 128;
/// Minimum of this default reserve in frames. Page tables and the heap of the image need them.
const RESERVE_FRAMES_MIN: u64 = 256;

/// Sets up the window, and gives all of `memory` to it, divided by NUMA nodes.
///
/// # Errors
///
/// See [`SetupError`].
///
/// # Safety
///
/// The memory must be RAM without another owner.
pub(crate) unsafe fn init(
    memory: &MemoryMap,
    config: &cmdline::Config,
    topology: &Topology,
) -> Result<&'static Window, SetupError> {
    let ranges: ArrayVec<FrameRange, SPANS_MAX> = memory
        .spans()
        .iter()
        .flat_map(|span| topology.parts(*span))
        .map(|(span, node)| (span.inward(PAGE_BYTES), node))
        .filter(|(span, _)| !span.is_empty())
        .map(|(span, node)| FrameRange {
            start: Frame::containing_address(PhysAddr::new(span.start)),
            count: span.bytes() / PAGE_BYTES,
            node,
        })
        .take(SPANS_MAX)
        .collect();
    let frames: u64 = ranges.iter().map(|range| range.count).sum();
    let start = Page::containing_address(VirtAddr::new(WINDOW_START));
    let pages = PageCount::covering(config.window_bytes as u64)
        .and_then(|count| PageRange::try_new(start, count))
        .expect("the layout's window lies in the higher half");
    machine::set_window(|| {
        let mut setup = Config::new(pages, &ranges);
        setup.regions = match config.regions {
            // The service has many short regions, so it can have one for each frame.
            0 => u32::try_from(frames).unwrap_or(REGIONS_MAX).min(REGIONS_MAX),
            chosen => u32::try_from(chosen).unwrap_or(REGIONS_MAX),
        };
        setup.reserve = match config.reserve_frames as u64 {
            0 => (frames / RESERVE_PART).max(RESERVE_FRAMES_MIN),
            chosen => chosen,
        };
        // SAFETY: the caller guarantees the memory, and this runs once.
        unsafe { Vmalloc::try_new(PcMachine::new(topology.clone()), &setup) }
    })
}

/// Writes the owner of an address: the region, the guard page or the freed region in which the address lies, or that it
/// lies outside the window or is free.
///
/// # Context
///
/// Any. Takes no lock and does not allocate.
pub(crate) fn attribute(address: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (Some(window), Ok(address)) = (machine::window(), VirtAddr::try_new(address)) else {
        return f.write_str("outside the window");
    };
    let site = window.locate(address);
    let kind = match site.kind {
        SiteKind::Outside => return f.write_str("outside the window"),
        SiteKind::Free => return f.write_str("free part of the window"),
        SiteKind::Busy => "region",
        SiteKind::Guard => "guard of region",
        SiteKind::Lazy => "freed region",
    };
    match site.region {
        Some(info) if info.caller.is_empty() => {
            write!(f, "{kind} {} distance={}", info.id, site.distance)
        }
        Some(info) => {
            let (caller, owner) = (info.caller, info.owner);
            write!(f, "{kind} {} caller={caller} owner={owner} distance={}", info.id, site.distance)
        }
        None => f.write_str(kind),
    }
}
