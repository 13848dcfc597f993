//! Allocates, and checks that the region has the requested properties.

use std::mem::ManuallyDrop;

use vmalloc::sim::SimMachine;
use vmalloc::{PAGE_BYTES, Region, Stats};
use x86_64::VirtAddr;

use super::contents::Contents;
use super::deserved::{Need, tables_for};
use super::{Held, World};
use crate::op::{Failure, Wanted};

impl<'v> World<'v> {
    pub(super) fn allocate(&mut self, wanted: &Wanted) {
        let before = self.vm.stats();
        let result = self.vm.allocate(&wanted.request());
        self.settle_deferred();
        match result {
            Ok(region) => {
                self.assert_reserve_is_left(wanted, &before);
                self.admit(ManuallyDrop::new(region), wanted);
            }
            Err(error) => self.assert_deserved(error, &Need::of(wanted)),
        }
    }

    pub(super) fn allocate_failing(&mut self, wanted: &Wanted, failure: Failure) {
        self.vm.modes().inject(failure.kind, failure.number);
        let result = self.vm.allocate(&wanted.request());
        self.vm.modes().inject(failure.kind, 0);
        self.settle_deferred();
        if let Ok(region) = result {
            self.admit(ManuallyDrop::new(region), wanted);
        }
    }

    /// Asserts that the reserve is untouched, except for page tables.
    fn assert_reserve_is_left(&self, wanted: &Wanted, before: &Stats) {
        let left = self.vm.stats().frames_free + tables_for(wanted.size.pages);
        let floor = self.shape.reserve;
        assert!(wanted.reserve || left >= floor, "{left} frames left of {}", before.frames_free);
    }

    /// Records a new region, and asserts that it has the requested properties.
    fn admit(&mut self, region: ManuallyDrop<Region<'v, SimMachine>>, wanted: &Wanted) {
        let info = region.info();
        let (start, pages) = (info.range.address().as_u64(), wanted.size.pages);
        let align = PAGE_BYTES << wanted.align;
        assert!(self.gaps(pages + 1, align).next().is_some(), "no gap, but {info:?}");
        assert_eq!(start % align, 0, "{info:?}");
        assert_eq!(info.range.count().get(), pages);
        assert_eq!((region.address(), region.bytes()), (VirtAddr::new(start), pages * PAGE_BYTES));
        assert!(info.id.slot() <= self.vm.region_limit(), "{info:?}");
        if let Some((node, true)) = wanted.node {
            assert_eq!(self.vm.frames_per_node(&info)[node as usize], pages, "other nodes' frames");
        }
        let contents = if wanted.zeroed { Contents::ZERO } else { Contents::UNKNOWN };
        let held = Held {
            id: info.id,
            requested: wanted.size.bytes(),
            protection: wanted.protection,
            align,
            zeroed: wanted.zeroed,
            node: wanted.node,
            system: wanted.system,
            deferred: false,
            promised: None,
            run: None,
            frames: self.frames_of(&info),
            contents: vec![contents; pages as usize],
        };
        self.assert_zero(start, &held, 0);
        self.held.insert(start, held);
        if wanted.owned {
            self.owners.insert(info.id, region);
        } else {
            assert_eq!(ManuallyDrop::into_inner(region).into_raw(), info.id);
        }
    }

    /// Returns the addresses at which `pages` pages fit, in ascending order, by the list of the
    /// model.
    pub(super) fn gaps(&self, pages: u64, align: u64) -> impl Iterator<Item = u64> {
        let window = self.shape.window();
        let (first, end) = (window.address().as_u64(), window.end().as_u64());
        let ends = self.held.iter().map(|(start, held)| start + (held.pages() + 1) * PAGE_BYTES);
        let from = std::iter::once(first).chain(ends);
        let to = self.held.keys().copied().chain(std::iter::once(end));
        from.zip(to).filter_map(move |(from, to)| {
            let start = from.checked_next_multiple_of(align)?;
            (start.checked_add(pages * PAGE_BYTES)? <= to).then_some(start)
        })
    }

    /// Returns the number of free pages behind the guard page of a region.
    pub(super) fn room_behind(&self, start: u64) -> u64 {
        let end = start + (self.held[&start].pages() + 1) * PAGE_BYTES;
        let window = self.shape.window().end().as_u64();
        let next = self.held.range(start + 1..).next().map_or(window, |(next, _)| *next);
        (next - end) / PAGE_BYTES
    }
}
