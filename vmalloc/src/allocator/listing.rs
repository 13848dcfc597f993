//! Lists all areas of a window, and writes a row for each in the format of `/proc/vmallocinfo` in
//! Linux.

use core::fmt;

use x86_64::VirtAddr;

use super::lookup;
use super::parts::Core;
use crate::machine::{Machine, NODES};
use crate::page::PAGE_BYTES;
use crate::region::{RegionInfo, RegionState};

/// The position in a listing. A listing has the busy regions by address first, and then the lazy
/// areas by slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(u64);

impl Cursor {
    /// The position before the first busy region.
    pub const START: Self = Self(1 << 63);

    /// The position before the first lazy area.
    pub const LAZY: Self = Self(0);

    /// Makes the cursor again from a number that [`get`](Self::get) returned.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Returns the cursor as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    fn address(self) -> Option<VirtAddr> {
        // Addresses of a window have the highest bit set; slot numbers do not.
        (self.0 >> 63 != 0).then(|| VirtAddr::new_truncate(self.0))
    }
}

/// Returns the next area of a listing and the cursor behind it: first the busy regions by address,
/// then the lazy areas by slot.
pub(super) fn next_area<M: Machine>(
    core: &Core<M>,
    cursor: Cursor,
) -> Option<(RegionInfo, Cursor)> {
    if let Some(info) = cursor.address().and_then(|address| lookup::next_region(core, address)) {
        return Some((info, Cursor(info.with_guard().end().as_u64())));
    }
    let after = u32::try_from(cursor.0).unwrap_or(0);
    let info = lookup::next_lazy(core, after, |_| true)?;
    Some((info, Cursor(u64::from(info.id.slot()))))
}

/// Returns the end of the used addresses. From there to the end of the window, no area is busy,
/// lazy or in a pool.
pub(super) fn used_end<M: Machine>(core: &Core<M>) -> VirtAddr {
    let end = core.window.end();
    match core.areas.last() {
        Some((start, pages)) if (start + pages) * PAGE_BYTES == end.as_u64() => {
            VirtAddr::new_truncate(start * PAGE_BYTES)
        }
        _ => end,
    }
}

/// Counts the frames of a region by NUMA node, from its entries. All counts are 0 for a lazy area
/// and for frames of the caller of `vmap`.
pub(super) fn frames_per_node<M: Machine>(core: &Core<M>, info: &RegionInfo) -> [u64; NODES] {
    let mut counts = [0; NODES];
    if info.is_mapped || info.state == RegionState::Lazy {
        return counts;
    }
    if core.frames.nodes() == 1 {
        counts[0] = info.range.count().get();
        return counts;
    }
    for page in info.range.pages() {
        let frame = lookup::frame_of(core, page).and_then(|frame| core.frames.buddy.index(frame));
        if let Some(frame) = frame {
            counts[core.frames.buddy.meta(frame).node()] += 1;
        }
    }
    counts
}

/// Writes the row of an area to `out`. `caller` is the text of the caller's column, which is
/// omitted if the text is empty.
pub(super) fn write_row<M: Machine>(
    core: &Core<M>,
    info: &RegionInfo,
    caller: &str,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    let area = info.with_guard();
    let (start, end) = (area.address().as_u64(), area.end().as_u64());
    write!(out, "{start:#018x}-{end:#018x} {:>7}", end - start)?;
    if info.state == RegionState::Lazy {
        return out.write_str(" unpurged vm_area\n");
    }
    if !caller.is_empty() {
        write!(out, " {caller}")?;
    }
    let kind = if info.is_mapped { "vmap" } else { "vmalloc" };
    write!(out, " pages={} {kind}", info.range.count().get())?;
    let nodes = frames_per_node(core, info).into_iter().enumerate();
    for (node, frames) in nodes.filter(|(_, frames)| *frames > 0) {
        write!(out, " N{node}={frames}")?;
    }
    out.write_str("\n")
}
