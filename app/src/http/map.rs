//! Writes the report `/api/map.json`: the use of a range of the window, as sums for buckets of equal size.
//!
//! The memory that a report needs does not depend on the number of regions: only the sums of one bucket and a cursor
//! are stored. Busy regions are summed in the order of their addresses. Lazy areas are listed one by one behind the
//! buckets, because the `vmalloc` crate does not list them in the order of their addresses.

use core::fmt::Write;

use vmalloc::{Access, Cursor, PAGE_BYTES, RegionInfo, RegionState};
use x86_64::VirtAddr;

use super::budget::RowBudget;
use super::writer::BoundedWriter;
use crate::service::Service;

/// Default number of buckets.
pub(super) const BUCKETS_DEFAULT: u64 = 1024;
/// Maximum number of buckets.
pub(super) const BUCKETS_MAX: u64 = 4096;

/// Minimum size of the range in bytes if the request contains no end.
const RANGE_BYTES_MIN: u64 = 1 << 20;

/// Number of buckets that are written in the time of one row.
const BUCKETS_PER_ROW: u64 = 32;

/// A map that is being written.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    query: MapQuery,
    range: Range,
    /// Start address of the bucket that is being summed or written.
    at: u64,
    sums: Sums,
    /// Whether the sums of the bucket are complete but not yet written.
    is_summed: bool,
    /// The last area that was read, if it may reach into the current bucket or a later one.
    area: Option<Extent>,
    cursor: Cursor,
    part: MapPart,
}

/// The parameters of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapQuery {
    /// Number of buckets, from 1 to [`BUCKETS_MAX`].
    pub(super) buckets: u64,
    /// Start of the range, or `None` for the start of the window.
    pub(super) from: Option<u64>,
    /// End of the range, or `None` for the end of the used addresses.
    pub(super) to: Option<u64>,
}

/// The range that the map shows, and the size of a bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    from: u64,
    to: u64,
    bucket_bytes: u64,
}

/// The numbers of pages of one bucket by their use, and the number of regions that start in the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    clients: u64,
    image: u64,
    guard: u64,
    regions: u64,
}

/// The addresses of one area, with its guard.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: u64,
    /// The end of the mapped pages, where the guard begins.
    end: u64,
    guard_end: u64,
    is_system: bool,
}

/// The part of the report that must be written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MapPart {
    Front,
    Buckets,
    FirstLazy,
    Lazy,
    End,
}

impl Map {
    pub(super) fn new(query: MapQuery) -> Self {
        Self {
            query,
            range: Range::default(),
            at: 0,
            sums: Sums::default(),
            is_summed: false,
            area: None,
            cursor: Cursor::START,
            part: MapPart::Front,
        }
    }

    /// Continues the report until the writer is full or the budget is spent. Returns whether the report is complete.
    pub(super) fn write<M: Access>(
        &mut self,
        service: &Service<M>,
        writer: &mut BoundedWriter<'_>,
        budget: &mut RowBudget,
    ) -> bool {
        if self.part == MapPart::Front {
            self.begin(service);
            if !writer.whole(|writer| self.range.write_front(writer)) {
                return false;
            }
            self.part = MapPart::Buckets;
        }
        if self.part == MapPart::Buckets && !self.write_buckets(service, writer, budget) {
            return false;
        }
        if matches!(self.part, MapPart::FirstLazy | MapPart::Lazy)
            && !self.write_lazy(service, writer, budget)
        {
            return false;
        }
        writer.whole(|writer| writer.raw(b"]}\n"))
    }

    /// Computes the range of the map, and finds the area that begins before the range and reaches into it.
    fn begin<M: Access>(&mut self, service: &Service<M>) {
        let vm = service.vm();
        let (start, end) = (vm.window().address().as_u64(), vm.window().end().as_u64());
        self.range = Range::of(self.query, start, end, vm.used_end().as_u64());
        let from = self.range.from;
        self.at = from;
        self.cursor = Cursor::from_raw(from);
        let here = vm.locate(VirtAddr::new_truncate(from)).region;
        let living = here.filter(|info| info.state == RegionState::Busy);
        self.area = living.map(|info| Extent::of(&info)).filter(|area| area.start < from);
    }

    /// Writes the sums of the next buckets. Returns whether all buckets are written.
    fn write_buckets<M: Access>(
        &mut self,
        service: &Service<M>,
        writer: &mut BoundedWriter<'_>,
        budget: &mut RowBudget,
    ) -> bool {
        let Range { from, to, bucket_bytes } = self.range;
        while self.at < to {
            // The addition saturates, because the last bucket may end at 2^64.
            let end = self.at.saturating_add(bucket_bytes).min(to);
            if !self.is_summed && !self.sum(service, end, budget) {
                return false;
            }
            self.is_summed = true;
            let separator: &[u8] = if self.at == from { b"" } else { b"," };
            let sums = self.sums;
            let is_written = writer.whole(|writer| {
                writer.raw(separator);
                sums.write(writer);
            });
            if !is_written {
                return false;
            }
            self.is_summed = false;
            self.sums = Sums::default();
            self.at = end;
            if ((end - from) / bucket_bytes).is_multiple_of(BUCKETS_PER_ROW) {
                budget.spend_one();
            }
        }
        if !writer.whole(|writer| writer.raw(b"],\n\"lazy\":[")) {
            return false;
        }
        self.cursor = Cursor::LAZY;
        self.part = MapPart::FirstLazy;
        true
    }

    /// Sums the bucket that ends at `end`. Returns whether its sums are complete.
    fn sum<M: Access>(&mut self, service: &Service<M>, end: u64, budget: &mut RowBudget) -> bool {
        loop {
            let area = match self.area {
                Some(area) => area,
                None if budget.is_spent() => return false,
                None => {
                    budget.spend_one();
                    let next = service.vm().next_area(self.cursor);
                    let next = next.filter(|(info, _)| info.state == RegionState::Busy);
                    // Behind the last region, an area at the highest address is used, so that later buckets need no
                    // lookup.
                    let (area, cursor) = next.map_or(
                        (Extent { start: u64::MAX, ..Extent::NONE }, self.cursor),
                        |(info, cursor)| (Extent::of(&info), cursor),
                    );
                    self.cursor = cursor;
                    self.area = Some(area);
                    area
                }
            };
            if area.start >= end {
                return true;
            }
            self.sums.add(&area, self.at, end);
            if area.guard_end > end {
                return true;
            }
            self.area = None;
        }
    }

    /// Writes the offset and the size of the next lazy areas. Returns whether all lazy areas are written.
    fn write_lazy<M: Access>(
        &mut self,
        service: &Service<M>,
        writer: &mut BoundedWriter<'_>,
        budget: &mut RowBudget,
    ) -> bool {
        let Range { from, to, .. } = self.range;
        while !budget.is_spent() {
            let Some((info, next)) = service.vm().next_area(self.cursor) else {
                self.part = MapPart::End;
                return true;
            };
            budget.spend_one();
            let area = Extent::of(&info);
            let (start, end) = (area.start.max(from), area.guard_end.min(to));
            let is_first = self.part == MapPart::FirstLazy;
            if start < end {
                let separator = if is_first { "" } else { "," };
                let is_written = writer.whole(|writer| {
                    // Writing to a BoundedWriter cannot fail.
                    let _ = write!(writer, "{separator}[{},{}]", start - from, end - start);
                });
                if !is_written {
                    return false;
                }
                self.part = MapPart::Lazy;
            }
            self.cursor = next;
        }
        false
    }
}

impl Range {
    /// Computes the requested part of the window `start..end`, in whole pages. The size of a bucket is computed from
    /// the requested range, before the range is limited to the window. An empty range stays empty.
    fn of(query: MapQuery, start: u64, end: u64, used_end: u64) -> Self {
        let clip = |address: u64| address.clamp(start, end);
        let from = clip(query.from.unwrap_or(start)) & !(PAGE_BYTES - 1);
        let to = query.to.unwrap_or_else(|| used_end.max(from.saturating_add(RANGE_BYTES_MIN)));
        let pages = to.saturating_sub(from).div_ceil(PAGE_BYTES);
        let bucket_bytes = pages.div_ceil(query.buckets).max(1) * PAGE_BYTES;
        let to = clip(to.checked_next_multiple_of(PAGE_BYTES).unwrap_or(end)).max(from);
        Self { from, to, bucket_bytes }
    }

    fn write_front(&self, writer: &mut BoundedWriter<'_>) {
        let Self { from, to, bucket_bytes } = self;
        // Writing to a BoundedWriter cannot fail.
        let _ = write!(
            writer,
            "{{\"from\":\"{from:#x}\",\"to\":\"{to:#x}\",\"bucket_bytes\":{bucket_bytes},\
             \"page_bytes\":{PAGE_BYTES},\n\"buckets\":["
        );
    }
}

impl Sums {
    /// Adds the part of `area` that lies in the bucket `from..to`.
    fn add(&mut self, area: &Extent, from: u64, to: u64) {
        let pages = |start: u64, end: u64| end.min(to).saturating_sub(start.max(from)) / PAGE_BYTES;
        let busy = if area.is_system { &mut self.image } else { &mut self.clients };
        *busy += pages(area.start, area.end);
        self.guard += pages(area.end, area.guard_end);
        self.regions += u64::from(from <= area.start);
    }

    /// Writes the sums. An empty bucket is written as 0.
    fn write(self, writer: &mut BoundedWriter<'_>) {
        let Self { clients, image, guard, regions } = self;
        // Writing to a BoundedWriter cannot fail.
        let _ = match self == Self::default() {
            true => write!(writer, "0"),
            false => write!(writer, "[{clients},{image},{guard},{regions}]"),
        };
    }
}

impl Extent {
    const NONE: Self = Self { start: 0, end: 0, guard_end: 0, is_system: false };

    fn of(info: &RegionInfo) -> Self {
        Self {
            start: info.range.address().as_u64(),
            end: info.range.end().as_u64(),
            guard_end: info.with_guard().end().as_u64(),
            is_system: info.system,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0xffff_c900_0000_0000;
    const END: u64 = START + (1 << 32);

    fn range(buckets: u64, from: Option<u64>, to: Option<u64>) -> (u64, u64, u64) {
        let Range { from, to, bucket_bytes } =
            Range::of(MapQuery { buckets, from, to }, START, END, START + (5 << 20));
        (from - START, to - START, bucket_bytes)
    }

    #[test]
    fn ranges_are_whole_pages_of_the_window() {
        assert_eq!(range(1024, None, None), (0, 5 << 20, 8192));
        assert_eq!(range(1, None, None), (0, 5 << 20, 5 << 20));
        assert_eq!(range(4096, Some(START + 100), Some(START + 5000)), (0, 8192, 4096));
        assert_eq!(range(3, Some(START), Some(START + 0x4000)), (0, 0x4000, 8192));
        // Clipping to the window keeps the size of a bucket.
        assert_eq!(range(16, Some(0), Some(END)), (0, 1 << 32, 1 << 28));
        assert_eq!(range(2, Some(END - 8192), Some(END + 8192)), ((1 << 32) - 8192, 1 << 32, 8192));
        assert_eq!(range(1, Some(0), Some(u64::MAX)).1, 1 << 32);
        // Without an end, the minimum size applies.
        assert_eq!(range(256, Some(START + (8 << 20)), None), (8 << 20, 9 << 20, 4096));
        for (from, to) in [(START, START), (START + 8192, START), (u64::MAX, 0)] {
            let (from, to, bucket_bytes) = range(7, Some(from), Some(to));
            assert_eq!((to - from, bucket_bytes), (0, 4096));
        }
    }

    #[test]
    fn parts_of_an_area_are_counted_once() {
        let area = Extent { start: 0x3000, end: 0x9000, guard_end: 0xa000, is_system: false };
        let mut all = Sums::default();
        for at in (0..0x10000).step_by(0x4000) {
            all.add(&area, at, at + 0x4000);
        }
        assert_eq!(all, Sums { clients: 6, image: 0, guard: 1, regions: 1 });
    }
}
