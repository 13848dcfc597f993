//! Resizes regions. Checks that old bytes stay, that new bytes are as requested, and that removed
//! pages are lazy.

use vmalloc::{
    AccessKind, Frame, PAGE_BYTES, Page, PageCount, ReallocMode, RegionError, RegionInfo, Resize,
    ResizeError, Resized, Stats,
};
use x86_64::VirtAddr;

use super::contents::Contents;
use super::deserved::Need;
use super::{Held, World};
use crate::op::{Failure, ResizeWay, Size};

impl World<'_> {
    pub(super) fn resize(
        &mut self,
        which: u32,
        size: Size,
        way: ResizeWay,
        failure: Option<Failure>,
    ) {
        let Some(start) = self.pick(which) else { return };
        if self.held[&start].deferred {
            let id = self.held[&start].id;
            let error = self.vm.vrealloc(id, size.bytes()).unwrap_err();
            assert_eq!(error, ResizeError::Region(RegionError::Gone { id }));
            return;
        }
        let shrinks = size.pages < self.held[&start].pages();
        // The guard of a shrink and the split of a large leaf need a flush that cannot fail.
        if (shrinks || self.has_large_leaf(start)) && self.must_not_wait() {
            return;
        }
        let before = self.vm.stats();
        let room = self.room_behind(start);
        if let Some(Failure { kind, number }) = failure {
            self.vm.modes().inject(kind, number);
        }
        let result = self.ask(start, size, way);
        if let Some(Failure { kind, .. }) = failure {
            self.vm.modes().inject(kind, 0);
        }
        self.settle_deferred();
        match result {
            Ok(how) => {
                if failure.is_none() {
                    self.assert_in_place_if_possible(start, size, how, room, &before);
                }
                self.rewrite(start, size, way, how);
            }
            Err(error) => self.assert_refused(start, size, way, error, failure.is_some()),
        }
    }

    fn ask(&mut self, start: u64, size: Size, way: ResizeWay) -> Result<Resized, ResizeError> {
        let wish = Resize::to(size.bytes());
        let wish = if way.in_place { wish.in_place() } else { wish };
        let wish = if way.copy { wish.mode(ReallocMode::Copy) } else { wish };
        let wish = if way.zeroed { wish.zeroed() } else { wish };
        let id = self.held[&start].id;
        match self.owners.get_mut(&id) {
            Some(owner) => owner.resize(&wish),
            None => self.vm.resize(id, &wish).map(|(info, how)| {
                assert_eq!(info.range.count().get(), size.pages);
                how
            }),
        }
    }

    fn assert_refused(
        &self,
        start: u64,
        size: Size,
        way: ResizeWay,
        error: ResizeError,
        injected: bool,
    ) {
        let held = &self.held[&start];
        match error {
            ResizeError::Mapped { id } => assert!(id == held.id && held.run.is_some()),
            ResizeError::MustMove { requested } => {
                assert!(way.in_place && requested == PageCount::from_pages(size.pages).unwrap());
                let is_tight = self.room_behind(start) < size.pages - held.pages();
                assert!(is_tight || injected || self.deaf.is_some(), "{error}: there is room");
            }
            ResizeError::Allocate(error) if !injected => {
                let copies = self.copies || way.copy;
                let added = size.pages.saturating_sub(held.pages());
                let need = Need {
                    pages: size.pages,
                    align: held.align,
                    frames: if copies { size.pages } else { added },
                    only: held.node.filter(|(_, only)| *only).map(|(node, _)| node),
                    may_take_reserve: false,
                    must_be_large: false,
                };
                self.assert_deserved(error, &need);
            }
            ResizeError::Allocate(_) => {}
            _ => panic!("{error}"),
        }
    }

    /// Asserts that a region moves only if the addresses behind it are in use.
    fn assert_in_place_if_possible(
        &self,
        start: u64,
        size: Size,
        how: Resized,
        room: u64,
        before: &Stats,
    ) {
        let pages = self.held[&start].pages();
        match how {
            Resized::Same => assert_eq!(size.pages, pages),
            Resized::Shrunk => assert!(size.pages < pages),
            Resized::Grown => assert!(size.pages > pages),
            Resized::Moved | Resized::Copied => {
                assert!(size.pages > pages);
                let is_known = before.areas_lazy == 0 && before.pages_pooled == 0;
                assert!(!is_known || room < size.pages - pages, "moved, and there was room");
            }
        }
    }

    /// Records the region after a resize.
    fn rewrite(&mut self, start: u64, size: Size, way: ResizeWay, how: Resized) {
        let mut held = self.held.remove(&start).expect("it was held");
        let info = self.vm.info(held.id).expect("it lives");
        let now = info.range.address().as_u64();
        let is_there = matches!(how, Resized::Moved | Resized::Copied);
        assert_eq!(now != start, is_there, "{how:?}");
        assert_eq!(now % held.align, 0, "the alignment is lost");
        let old = held.pages();
        self.note_frames(start, &mut held, &info, how);
        if let Some((node, true)) = held.node {
            assert_eq!(self.vm.frames_per_node(&info)[node as usize], size.pages, "other nodes");
        }
        let is_zeroed = way.zeroed || held.zeroed;
        if is_zeroed && held.requested < size.bytes() && how != Resized::Shrunk {
            self.clear_slack(&mut held);
        }
        let added = if is_zeroed { Contents::ZERO } else { Contents::UNKNOWN };
        held.contents.resize(size.pages as usize, added);
        held.requested = size.bytes();
        self.assert_zero(now, &held, old.min(size.pages));
        self.assert_contents(now, &held);
        self.held.insert(now, held);
        if how == Resized::Shrunk {
            let guard = VirtAddr::new(start + size.pages * PAGE_BYTES);
            self.everywhere(|cpu| {
                let read = self.vm.machine().probe(guard, AccessKind::Read);
                assert!(read.is_err(), "{cpu:?} reads the new guard");
            });
        }
        if is_there {
            self.assert_freed(start);
        }
    }

    /// Records that the bytes from the requested size to the end of the last page are zeros now.
    fn clear_slack(&self, held: &mut Held) {
        let (page, offset) = (held.requested / PAGE_BYTES, held.requested % PAGE_BYTES);
        if offset != 0 {
            let contents = &mut held.contents[page as usize];
            *contents = contents.cleared_from(offset);
        }
    }

    fn note_frames(&mut self, start: u64, held: &mut Held, info: &RegionInfo, how: Resized) {
        let before: Vec<Frame> = std::mem::replace(&mut held.frames, self.frames_of(info));
        let kept = before.len().min(held.frames.len());
        match how {
            Resized::Copied => self.waiting.extend(before),
            _ => {
                assert_eq!(before[..kept], held.frames[..kept], "{how:?}: other frames");
                self.waiting.extend(&before[kept..]);
                if how == Resized::Moved {
                    let first: Page = Page::containing_address(VirtAddr::new(start));
                    let pages = (0..before.len() as u64).map(|page| (first + page, held.id));
                    self.moved.extend(pages);
                }
            }
        }
    }
}
