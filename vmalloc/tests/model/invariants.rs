//! Checks the invariants after every step.

use std::collections::HashMap;

use vmalloc::{
    AccessKind, Cursor, Entry, Frame, PAGE_BYTES, Protection, RegionInfo, RegionState, SiteKind,
};
use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::{Held, World};

impl World<'_> {
    /// Checks every invariant. If `all` is set, checks the contents of every region, or else of one
    /// region.
    pub(super) fn verify(&self, all: bool) {
        assert!(self.vm.machine().is_preemptible());
        let audit = self.vm.check();
        let violations: Vec<_> = audit.violations().map(|v| v.to_string()).collect();
        assert!(audit.is_sound(), "{violations:?}");
        self.verify_list();
        self.verify_counts();
        let owners = self.verify_pages();
        self.verify_tlbs(&owners);
        // This check reads every word of every free frame, so it runs only in every fourth step.
        if all || self.steps.is_multiple_of(4) {
            let in_use = owners.keys().chain(&self.waiting).copied().collect();
            assert_eq!(self.vm.machine().spoilt(&in_use), None, "a free frame was written");
        }
        let some = self.pick(self.steps.wrapping_mul(0x9e37_79b9) as u32);
        for (start, held) in self.held.iter().filter(|(start, _)| all || Some(**start) == some) {
            self.verify_region(*start, held);
        }
    }

    /// Asserts that the listing returns exactly the regions of the model, in address order and
    /// without overlap.
    fn verify_list(&self) {
        let mut from = self.vm.window().address();
        for (start, held) in &self.held {
            let info = self.next_region(from).expect("the list is too short");
            assert_eq!((info.range.address().as_u64(), info.id), (*start, held.id));
            assert_eq!((info.requested, info.range.count().get()), (held.requested, held.pages()));
            assert_eq!((info.protection, info.system), (held.protection, held.system));
            assert_eq!(info.is_mapped, held.run.is_some());
            assert!(info.range.address() >= from, "{info:?} overlaps what ends at {from:?}");
            from = info.with_guard().end();
        }
        assert!(from <= self.vm.window().end(), "regions leave the window");
        let more = self.next_region(from);
        assert!(more.is_none(), "the list is too long: {more:?}");
    }

    /// Returns the first busy region at or above an address.
    fn next_region(&self, from: VirtAddr) -> Option<RegionInfo> {
        let (info, _) = self.vm.next_area(Cursor::from_raw(from.as_u64()))?;
        (info.state == RegionState::Busy).then_some(info)
    }

    fn verify_counts(&self) {
        let stats = self.vm.stats();
        let system = self.held.values().filter(|held| held.system).count() as u64;
        let pages: u64 = self.held.values().map(Held::pages).sum();
        assert_eq!(stats.areas + stats.areas_system, self.held.len() as u64);
        assert_eq!((stats.areas_system, stats.pages_mapped), (system, pages));
        let runs = self.runs.iter().map(|run| run.frames.len() as u64).sum();
        assert_eq!(stats.frames_heap, runs);
    }

    /// Returns the frames of the pages of a region, whatever the rights are.
    pub(super) fn frames_of(&self, info: &RegionInfo) -> Vec<Frame> {
        info.range.pages().map(|page| self.leaf(page.start_address()).1).collect()
    }

    /// Returns the leaf of a page, and the frame that the leaf maps for this page.
    fn leaf(&self, at: VirtAddr) -> (Entry, Frame) {
        let (level, leaf) = self.vm.walk(at).last().expect("a page has its entry");
        assert!(level <= 2, "{at:?} has a leaf of level {level}");
        let offset = if level == 2 { u64::from(at.p1_index()) } else { 0 };
        (leaf, leaf.frame() + offset)
    }

    pub(super) fn has_large_leaf(&self, start: u64) -> bool {
        let pages = 0..self.held[&start].pages();
        let level = |page| {
            self.vm.walk(VirtAddr::new(start + page * PAGE_BYTES)).last().map(|(level, _)| level)
        };
        pages.map(level).any(|level| level == Some(2))
    }

    /// Asserts that every page keeps its frame and the rights of its region, and that guard pages
    /// have no frame.
    fn verify_pages(&self) -> HashMap<Frame, &Held> {
        let mut owners = HashMap::new();
        for (start, held) in &self.held {
            for (page, frame) in (0..).zip(&held.frames) {
                let at = VirtAddr::new(start + page * PAGE_BYTES);
                let (leaf, found) = self.leaf(at);
                assert_eq!(found, *frame, "{at:?} has another frame");
                assert_eq!(leaf.is_present(), held.protection != Protection::None, "{at:?}");
                let flags = PageTableFlags::from_bits_truncate(leaf.raw());
                let writable = flags.contains(PageTableFlags::WRITABLE);
                let executable = !flags.contains(PageTableFlags::NO_EXECUTE);
                assert!(!(leaf.is_present() && writable && executable), "{at:?} is {leaf}");
                assert!(owners.insert(*frame, held).is_none(), "{frame:?} is in two places");
            }
            let guard = VirtAddr::new(start + held.pages() * PAGE_BYTES);
            assert_eq!(self.vm.translate(guard), None, "a guard is mapped");
        }
        owners
    }

    fn verify_region(&self, start: u64, held: &Held) {
        let end = start + held.pages() * PAGE_BYTES;
        let guard = VirtAddr::new(end + 7);
        let site = self.vm.locate(guard);
        assert_eq!((site.kind, site.distance), (SiteKind::Guard, 7));
        assert_eq!(site.region.map(|info| info.id), Some(held.id));
        assert!(self.vm.machine().probe(guard, AccessKind::Read).is_err(), "a guard is in a TLB");
        let found = self.vm.find(VirtAddr::new(end - 1));
        assert_eq!(found.map(|info| info.id), Some(held.id));
        self.assert_contents(start, held);
    }
}
