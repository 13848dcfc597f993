//! The owner of a region.

use core::fmt;

use x86_64::VirtAddr;

use super::parts::{Core, Vmalloc};
use super::{free, lookup, protect, resize};
use crate::error::{RegionError, ResizeError};
use crate::id::RegionId;
use crate::machine::Machine;
use crate::page::{PageCount, PageRange};
use crate::region::RegionInfo;
use crate::region::extent::Traits;
use crate::region::stage::Stage;
use crate::request::{Protection, Resize, Resized};

/// The owner of a region. Dropping this value frees the region.
///
/// Holding this value proves that the region is busy: other code cannot free an owned region by its
/// id. Methods that change the contents, the rights or the size take `&mut self`, so code that
/// gives other code only `&Region` can rely on all three.
///
/// # Context
///
/// Dropping has the context of [`Vmalloc::vfree`]: threads with interrupts on, not handlers.
#[must_use = "a region that is not held is freed at once"]
pub struct Region<'v, M: Machine> {
    core: &'v Core<M>,
    id: RegionId,
    range: PageRange,
    /// Whether all requested bytes are known to be initialized, so that safe code may read them as
    /// values.
    is_init: bool,
}

impl<'v, M: Machine> Region<'v, M> {
    pub(super) fn new(core: &'v Core<M>, id: RegionId, range: PageRange) -> Self {
        Self { core, id, range, is_init: false }
    }

    /// Records whether all requested bytes are initialized.
    #[inline]
    pub(super) fn set_init(&mut self, is_init: bool) {
        self.is_init = is_init;
    }

    /// Returns whether all requested bytes are known to be initialized.
    pub(super) fn is_init(&self) -> bool {
        self.is_init
    }

    /// Returns the number of bytes that were requested.
    pub(super) fn requested(&self) -> u64 {
        self.core.slots().slot(self.id.slot()).requested()
    }

    /// Returns the properties of the pages.
    pub(super) fn traits(&self) -> Traits {
        self.core.slots().slot(self.id.slot()).traits()
    }

    /// Returns the window of the region.
    pub(super) fn core(&self) -> &'v Core<M> {
        self.core
    }

    /// Takes ownership of a region that has no owner, after [`into_raw`](Self::into_raw).
    ///
    /// Any code may do so that has the id, as it may also free the region. An id of another window
    /// names the region with the same number in this window, if there is one.
    ///
    /// # Errors
    ///
    /// - [`RegionError::Unknown`]: no region ever had this id.
    /// - [`RegionError::Gone`]: the region was freed.
    /// - [`RegionError::Owned`]: another [`Region`] or a collection owns the region.
    /// - [`RegionError::Changing`]: another thread resizes the region or changes its rights.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn from_raw(vmalloc: &'v Vmalloc<M>, id: RegionId) -> Result<Self, RegionError> {
        let core = &vmalloc.core;
        core.slots().step(id, Stage::Loose, Stage::Owned)?;
        Ok(Self::new(core, id, core.slots().slot(id.slot()).range()))
    }

    /// Gives up ownership and returns the id. The region stays busy until [`Vmalloc::vfree`] frees
    /// it by this id.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    #[must_use = "the id is the only way to free the region"]
    pub fn into_raw(self) -> RegionId {
        let slots = self.core.slots();
        let is_loose = slots.step(self.id, Stage::Owned, Stage::Loose).is_ok();
        debug_assert!(is_loose || slots.is_stuck(self.id), "only the owner changes what it owns");
        let id = self.id;
        core::mem::forget(self);
        id
    }

    /// Returns the id of the region.
    #[must_use]
    pub fn id(&self) -> RegionId {
        self.id
    }

    /// Returns the address of the first byte.
    #[must_use]
    pub fn address(&self) -> VirtAddr {
        self.range.address()
    }

    /// Returns the number of mapped bytes: the requested size rounded up to whole pages, without
    /// the guard page.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.range.count().bytes()
    }

    /// Returns the pages of the region, without the guard page behind them.
    #[must_use]
    pub fn range(&self) -> PageRange {
        self.range
    }

    /// Fills `count` pages from page `first` with zeros. Writes through the frames, so any
    /// protection is allowed. For regions that are too long to be zeroed during the allocation.
    ///
    /// # Panics
    ///
    /// If the pages are not in the region, or if the region maps frames of the caller, which may
    /// not be memory.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    ///
    /// # Complexity
    ///
    /// O(count).
    pub fn zero(&mut self, first: PageCount, count: PageCount) {
        assert!(!self.traits().mapped, "region {} maps frames of its caller", self.id);
        lookup::zero_pages(self.core, PageRange::within(self.range, first, count));
        self.is_init |= count == self.range.count();
    }

    /// Reads the pages of the region from its slot again, after a resize.
    fn refresh(&mut self) {
        self.range = self.core.slots().slot(self.id.slot()).range();
    }

    /// Returns the description of the region.
    ///
    /// # Panics
    ///
    /// Never, because a region with an owner is busy.
    #[must_use]
    pub fn info(&self) -> RegionInfo {
        lookup::info(self.core, self.id).expect("a region with an owner exists")
    }
}

impl<M: Machine> Region<'_, M> {
    /// Changes the rights of the pages. When this returns, every CPU uses the new rights.
    ///
    /// # Errors
    ///
    /// [`RegionError::NotPromised`]: the region maps frames of the caller of
    /// [`Vmalloc::vmap`], who has not promised these rights.
    ///
    /// # Panics
    ///
    /// As [`Vmalloc::protect`].
    ///
    /// # Context
    ///
    /// As [`Vmalloc::protect`].
    pub fn protect(&mut self, protection: Protection) -> Result<(), RegionError> {
        protect::protect(self.core, self.id(), Stage::Owned, protection)
    }

    /// Resizes the region. The bytes up to the smaller size stay unchanged; the address may change.
    ///
    /// # Errors
    ///
    /// As [`Vmalloc::resize`].
    ///
    /// # Panics
    ///
    /// As [`Vmalloc::resize`].
    ///
    /// # Context
    ///
    /// As [`Vmalloc::resize`].
    pub fn resize(&mut self, target: &Resize) -> Result<Resized, ResizeError> {
        let requested = self.requested();
        let added_are_zeros = target.zeroed.unwrap_or(self.traits().zeroed);
        let how = resize::resize(self.core, self.id(), Stage::Owned, target)?;
        self.refresh();
        self.is_init &= added_are_zeros || self.requested() <= requested;
        Ok(how)
    }
}

impl<M: Machine> Drop for Region<'_, M> {
    fn drop(&mut self) {
        free::by_owner(self.core, self.id);
    }
}

impl<M: Machine> fmt::Debug for Region<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} at {:?})", self.id, self.range)
    }
}
