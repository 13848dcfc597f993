//! Frees regions, and attempts frees that must be refused.

use std::mem::ManuallyDrop;

use vmalloc::{AccessKind, PAGE_BYTES, Region, RegionError, RegionId, SiteKind};
use x86_64::VirtAddr;

use super::World;
use crate::op::{FreeWay, Mistake};

impl<'v> World<'v> {
    pub(super) fn free(&mut self, which: u32, way: FreeWay) {
        let Some(start) = self.pick(which) else { return };
        let id = self.held[&start].id;
        if self.held[&start].deferred {
            return self.assert_gone(id);
        }
        // Caches every readable page in the TLB before the page is unmapped.
        for page in 0..self.held[&start].pages() {
            let at = VirtAddr::new(start + page * PAGE_BYTES);
            let _ = self.vm.machine().probe(at, AccessKind::Read);
        }
        match (self.owners.remove(&id), way) {
            (Some(owner), _) => drop(ManuallyDrop::into_inner(owner)),
            (None, FreeWay::Id) => assert_eq!(self.vm.vfree(id).map(|info| info.id), Ok(id)),
            (None, FreeWay::Address) => {
                let freed = self.vm.vfree_at(VirtAddr::new(start));
                assert_eq!(freed.map(|info| info.id), Ok(id));
            }
            (None, FreeWay::Owner) => drop(Region::from_raw(self.vm, id).expect("it is loose")),
        }
        self.forget(start);
        self.assert_freed(start);
    }

    /// Asserts that freed addresses belong to no busy region and, after the flush, that no CPU
    /// reaches them.
    pub(super) fn assert_freed(&self, start: u64) {
        let at = VirtAddr::new(start);
        let kind = self.vm.locate(at).kind;
        assert!(matches!(kind, SiteKind::Lazy | SiteKind::Free), "{kind:?}");
        if self.vm.stats().areas_lazy == 0 {
            assert_eq!(kind, SiteKind::Free);
            self.everywhere(|cpu| {
                let read = self.vm.machine().probe(at, AccessKind::Read);
                assert!(read.is_err(), "{cpu:?} reads {at:?}, which is free");
            });
        }
    }

    pub(super) fn defer(&mut self, which: u32) {
        let Some(start) = self.pick(which) else { return };
        let held = self.held.get_mut(&start).expect("just picked");
        let id = held.id;
        let expected = if self.owners.contains_key(&id) {
            Err(RegionError::Owned { id })
        } else if held.deferred {
            Err(RegionError::Gone { id })
        } else {
            held.deferred = true;
            Ok(())
        };
        assert_eq!(self.vm.free_deferred(id), expected);
    }

    pub(super) fn change_owner(&mut self, which: u32) {
        let Some(start) = self.pick(which) else { return };
        let (id, deferred) = (self.held[&start].id, self.held[&start].deferred);
        if let Some(owner) = self.owners.remove(&id) {
            assert_eq!(ManuallyDrop::into_inner(owner).into_raw(), id);
        } else if deferred {
            assert_eq!(Region::from_raw(self.vm, id).unwrap_err(), RegionError::Gone { id });
        } else {
            let owner = Region::from_raw(self.vm, id).expect("it is loose");
            assert_eq!(owner.range().count().get(), self.held[&start].pages());
            self.owners.insert(id, ManuallyDrop::new(owner));
        }
    }

    /// Attempts frees that must be refused, and asserts that they have no effect.
    pub(super) fn free_wrongly(&mut self, which: u32, mistake: Mistake) {
        let before = self.vm.stats();
        match mistake {
            Mistake::Stale => {
                if let Some(id) = self.gone.get(which as usize % self.gone.len().max(1)) {
                    self.assert_gone(*id);
                }
            }
            Mistake::Never => self.free_what_never_was(),
            Mistake::Interior | Mistake::Guard => {
                if let Some(start) = self.pick(which) {
                    self.free_beside(start, which, mistake == Mistake::Guard);
                }
            }
            Mistake::Owned => self.free_what_is_owned(which),
        }
        let after = self.vm.stats();
        assert_eq!((after.frees, after.areas), (before.frees, before.areas));
        assert_eq!((after.frames_free, after.areas_lazy), (before.frames_free, before.areas_lazy));
    }

    fn assert_gone(&self, id: RegionId) {
        let gone = RegionError::Gone { id };
        let deferred = self.held.values().any(|held| held.id == id);
        assert_eq!(self.vm.info(id).is_ok(), deferred);
        assert_eq!(self.vm.vfree(id).unwrap_err(), gone);
        assert_eq!(self.vm.free_deferred(id).unwrap_err(), gone);
        assert_eq!(self.vm.protect(id, vmalloc::Protection::None).unwrap_err(), gone);
        assert_eq!(self.vm.vrealloc(id, 1).unwrap_err(), vmalloc::ResizeError::Region(gone));
        assert_eq!(Region::from_raw(self.vm, id).unwrap_err(), gone);
    }

    fn free_what_never_was(&self) {
        let beyond = u64::from(self.vm.region_limit()) + 1;
        for raw in [1 << 50 | 1, beyond, 1 << 24 | beyond] {
            let id = RegionId::from_raw(raw).expect("a possible id");
            let unknown = RegionError::Unknown { id: raw };
            assert_eq!(self.vm.vfree(id).unwrap_err(), unknown);
            assert_eq!(self.vm.info(id).unwrap_err(), unknown);
            assert_eq!(self.vm.free_deferred(id).unwrap_err(), unknown);
        }
    }

    fn free_beside(&self, start: u64, which: u32, guard: bool) {
        let bytes = self.held[&start].pages() * PAGE_BYTES;
        let inside = 1 + u64::from(which) * 0x1_0001 % (bytes - 1);
        let offset = if guard { bytes + u64::from(which) % PAGE_BYTES } else { inside };
        let address = start + offset;
        let error = self.vm.vfree_at(VirtAddr::new(address)).unwrap_err();
        assert_eq!(error, RegionError::NotRegionStart { address, region_start: start });
    }

    fn free_what_is_owned(&self, which: u32) {
        let owned: Vec<_> =
            self.held.iter().filter(|(_, held)| self.owners.contains_key(&held.id)).collect();
        let Some((start, held)) = owned.get(which as usize % owned.len().max(1)) else { return };
        let id = held.id;
        let error = RegionError::Owned { id };
        assert_eq!(self.vm.vfree(id).unwrap_err(), error);
        assert_eq!(self.vm.vfree_at(VirtAddr::new(**start)).unwrap_err(), error);
        assert_eq!(self.vm.free_deferred(id).unwrap_err(), error);
        assert_eq!(Region::from_raw(self.vm, id).unwrap_err(), error);
    }
}
