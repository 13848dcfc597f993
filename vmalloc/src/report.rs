//! Rows in the grammar of Linux's `/proc/vmallocinfo`.

use core::fmt;

use crate::region::{RegionInfo, RegionState};

impl RegionInfo {
    /// Writes the region's row, with a name for the caller's column; an empty one leaves it out.
    ///
    /// End and size include the guard page, so `pages=N` has size `(N + 1) * 4096`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    ///
    /// # Source
    ///
    /// The format that readers of `/proc/vmallocinfo` parse: range, size in seven columns, caller,
    /// pages, kind, frames by node; `unpurged vm_area` for what waits for a flush.
    pub fn write_row(&self, caller: &str, out: &mut dyn fmt::Write) -> fmt::Result {
        let area = self.with_guard();
        let (start, end) = (area.address().as_u64(), area.end().as_u64());
        write!(out, "{start:#018x}-{end:#018x} {:>7}", end - start)?;
        if self.state == RegionState::Lazy {
            return out.write_str(" unpurged vm_area\n");
        }
        if !caller.is_empty() {
            write!(out, " {caller}")?;
        }
        write!(out, " pages={} vmalloc", self.range.count().get())?;
        for (node, frames) in self.frames_per_node.iter().enumerate() {
            write!(out, " N{node}={frames}")?;
        }
        out.write_str("\n")
    }
}
