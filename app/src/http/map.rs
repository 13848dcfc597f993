//! `/api/map.json`: a range of the window, summed up by buckets of equal size.
//!
//! The report holds one bucket's sums and a cursor, whatever the number of regions. Living regions
//! are summed by address; lazy ones are listed behind the buckets, because the library lists them by
//! slot.

use core::fmt::Write;

use vmalloc::{Cursor, Machine, PAGE_BYTES, RegionInfo, RegionState};
use x86_64::VirtAddr;

use super::body::Share;
use super::room::Room;
use crate::service::Service;

/// Buckets of a request that does not say how many.
pub(super) const BUCKETS_DEFAULT: u64 = 1024;
/// The most buckets of one request.
pub(super) const BUCKETS_MAX: u64 = 4096;

/// The least range of a request that does not say which.
const RANGE_BYTES_MIN: u64 = 1 << 20;

/// Buckets that are written in the time of a row.
const BUCKETS_PER_ROW: u64 = 32;

/// A map that is being written.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    wanted: Wanted,
    range: Range,
    /// The bucket that is summed up.
    at: u64,
    sums: Sums,
    /// Whether the sums are complete, and wait for room.
    is_summed: bool,
    /// The area that was looked at last: it may reach into the next bucket.
    area: Option<Extent>,
    cursor: Cursor,
    part: Part,
}

/// The content that a request asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// From 1 to [`BUCKETS_MAX`].
    pub(super) buckets: u64,
    /// The first address; the window's first by default.
    pub(super) from: Option<u64>,
    /// The end of the range; by default the end of the addresses in use.
    pub(super) to: Option<u64>,
}

/// The range that the map shows, and the size of a bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    from: u64,
    to: u64,
    bucket_bytes: u64,
}

/// The pages of one bucket by their use, and the regions that start in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    clients: u64,
    image: u64,
    guard: u64,
    regions: u64,
}

/// Addresses of an area.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: u64,
    /// The end of the pages, where the guard begins.
    end: u64,
    guard_end: u64,
    is_system: bool,
}

/// The part of the report that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Front,
    Buckets,
    FirstLazy,
    Lazy,
    End,
}

impl Map {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            range: Range::default(),
            at: 0,
            sums: Sums::default(),
            is_summed: false,
            area: None,
            cursor: Cursor::START,
            part: Part::Front,
        }
    }

    /// Continues to write; returns whether that was all.
    pub(super) fn write<M: Machine>(
        &mut self,
        service: &Service<M>,
        room: &mut Room<'_>,
        share: &mut Share,
    ) -> bool {
        if self.part == Part::Front {
            self.begin(service);
            if !room.whole(|room| self.range.write_front(room)) {
                return false;
            }
            self.part = Part::Buckets;
        }
        if self.part == Part::Buckets && !self.write_buckets(service, room, share) {
            return false;
        }
        if matches!(self.part, Part::FirstLazy | Part::Lazy)
            && !self.write_lazy(service, room, share)
        {
            return false;
        }
        room.whole(|room| room.raw(b"]}\n"))
    }

    /// Chooses the range, and finds the area that reaches into it.
    fn begin<M: Machine>(&mut self, service: &Service<M>) {
        let vm = service.vm();
        let (start, end) = (vm.window().address().as_u64(), vm.window().end().as_u64());
        self.range = Range::of(self.wanted, start, end, vm.used_end().as_u64());
        let from = self.range.from;
        self.at = from;
        self.cursor = Cursor::from_raw(from);
        let here = vm.locate(VirtAddr::new_truncate(from)).region;
        let living = here.filter(|info| info.state == RegionState::Busy);
        self.area = living.map(|info| Extent::of(&info)).filter(|area| area.start < from);
    }

    /// Writes the sums of bucket after bucket. Returns whether all are written.
    fn write_buckets<M: Machine>(
        &mut self,
        service: &Service<M>,
        room: &mut Room<'_>,
        share: &mut Share,
    ) -> bool {
        let Range { from, to, bucket_bytes } = self.range;
        while self.at < to {
            // The last bucket of a range that ends at 2^64 ends there too.
            let end = self.at.saturating_add(bucket_bytes).min(to);
            if !self.is_summed && !self.sum(service, end, share) {
                return false;
            }
            self.is_summed = true;
            let separator: &[u8] = if self.at == from { b"" } else { b"," };
            let sums = self.sums;
            let is_written = room.whole(|room| {
                room.raw(separator);
                sums.write(room);
            });
            if !is_written {
                return false;
            }
            self.is_summed = false;
            self.sums = Sums::default();
            self.at = end;
            if ((end - from) / bucket_bytes).is_multiple_of(BUCKETS_PER_ROW) {
                share.spend_one();
            }
        }
        if !room.whole(|room| room.raw(b"],\n\"lazy\":[")) {
            return false;
        }
        self.cursor = Cursor::LAZY;
        self.part = Part::FirstLazy;
        true
    }

    /// Sums up the bucket that ends at `end`; returns whether it is complete.
    fn sum<M: Machine>(&mut self, service: &Service<M>, end: u64, share: &mut Share) -> bool {
        loop {
            let area = match self.area {
                Some(area) => area,
                None if share.is_spent() => return false,
                None => {
                    share.spend_one();
                    let next = service.vm().next_area(self.cursor);
                    let next = next.filter(|(info, _)| info.state == RegionState::Busy);
                    // Behind the last region: the next buckets need not look again.
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

    /// Writes offset and bytes of every lazy area. Returns whether all are written.
    fn write_lazy<M: Machine>(
        &mut self,
        service: &Service<M>,
        room: &mut Room<'_>,
        share: &mut Share,
    ) -> bool {
        let Range { from, to, .. } = self.range;
        while !share.is_spent() {
            let Some((info, next)) = service.vm().next_area(self.cursor) else {
                self.part = Part::End;
                return true;
            };
            share.spend_one();
            let area = Extent::of(&info);
            let (start, end) = (area.start.max(from), area.guard_end.min(to));
            let is_first = self.part == Part::FirstLazy;
            if start < end {
                let separator = if is_first { "" } else { "," };
                let is_written = room.whole(|room| {
                    // Writing to a room cannot fail.
                    let _ = write!(room, "{separator}[{},{}]", start - from, end - start);
                });
                if !is_written {
                    return false;
                }
                self.part = Part::Lazy;
            }
            self.cursor = next;
        }
        false
    }
}

impl Range {
    /// The part of the window `start..end` that is wanted, in whole pages. The size of a bucket
    /// follows from the wanted range, so that it does not change where the window ends. An empty
    /// range stays empty.
    fn of(wanted: Wanted, start: u64, end: u64, used_end: u64) -> Self {
        let clip = |address: u64| address.clamp(start, end);
        let from = clip(wanted.from.unwrap_or(start)) & !(PAGE_BYTES - 1);
        let to = wanted.to.unwrap_or_else(|| used_end.max(from.saturating_add(RANGE_BYTES_MIN)));
        let pages = to.saturating_sub(from).div_ceil(PAGE_BYTES);
        let bucket_bytes = pages.div_ceil(wanted.buckets).max(1) * PAGE_BYTES;
        let to = clip(to.checked_next_multiple_of(PAGE_BYTES).unwrap_or(end)).max(from);
        Self { from, to, bucket_bytes }
    }

    fn write_front(&self, room: &mut Room<'_>) {
        let Self { from, to, bucket_bytes } = self;
        // Writing to a room cannot fail.
        let _ = write!(
            room,
            "{{\"from\":\"{from:#x}\",\"to\":\"{to:#x}\",\"bucket_bytes\":{bucket_bytes},\
             \"page_bytes\":{PAGE_BYTES},\n\"buckets\":["
        );
    }
}

impl Sums {
    /// Adds the part of an area that lies in a bucket.
    fn add(&mut self, area: &Extent, from: u64, to: u64) {
        let pages = |start: u64, end: u64| end.min(to).saturating_sub(start.max(from)) / PAGE_BYTES;
        let busy = if area.is_system { &mut self.image } else { &mut self.clients };
        *busy += pages(area.start, area.end);
        self.guard += pages(area.end, area.guard_end);
        self.regions += u64::from(from <= area.start);
    }

    /// Writes the sums; an empty bucket is 0.
    fn write(self, room: &mut Room<'_>) {
        let Self { clients, image, guard, regions } = self;
        // Writing to a room cannot fail.
        let _ = match self == Self::default() {
            true => write!(room, "0"),
            false => write!(room, "[{clients},{image},{guard},{regions}]"),
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
            Range::of(Wanted { buckets, from, to }, START, END, START + (5 << 20));
        (from - START, to - START, bucket_bytes)
    }

    #[test]
    fn ranges_are_whole_pages_of_the_window() {
        assert_eq!(range(1024, None, None), (0, 5 << 20, 8192));
        assert_eq!(range(1, None, None), (0, 5 << 20, 5 << 20));
        assert_eq!(range(4096, Some(START + 100), Some(START + 5000)), (0, 8192, 4096));
        assert_eq!(range(3, Some(START), Some(START + 0x4000)), (0, 0x4000, 8192));
        // Clipped to the window, where the size of a bucket stays.
        assert_eq!(range(16, Some(0), Some(END)), (0, 1 << 32, 1 << 28));
        assert_eq!(range(2, Some(END - 8192), Some(END + 8192)), ((1 << 32) - 8192, 1 << 32, 8192));
        assert_eq!(range(1, Some(0), Some(u64::MAX)).1, 1 << 32);
        // The least range where no end is given.
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
