//! Regions: ids that are never reused, what is known of each, and the owner that frees on drop.

pub(crate) mod extent;
pub(crate) mod slot;
pub(crate) mod slots;
pub(crate) mod stage;

use core::fmt;

use x86_64::VirtAddr;

use crate::allocator::Vmalloc;
use crate::error::RegionError;
use crate::machine::Machine;
use crate::page::{PageCount, PageRange};
use crate::region::stage::Stage;
use crate::request::Protection;

const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

/// Generations have 29 bits, so that an id stays below 2^53 and every client's number holds it.
pub(crate) const GENERATION_MAX: u32 = (1 << 29) - 1;

/// The most regions that can live at once.
pub const REGIONS_MAX: u32 = (1 << SLOT_BITS) - 1;

/// Names one region for ever: a slot, from 1, and how often the slot was used before.
///
/// Holding one proves nothing about the region: it may be gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(u64);

impl RegionId {
    pub(crate) fn new(slot: u32, generation: u32) -> Self {
        debug_assert!((1..=REGIONS_MAX).contains(&slot) && generation <= GENERATION_MAX);
        Self(u64::from(generation) << SLOT_BITS | u64::from(slot))
    }

    /// Takes a number that may be an id; whether a region has it is not known yet.
    #[must_use]
    pub fn from_raw(raw: u64) -> Option<Self> {
        (raw & SLOT_MASK != 0 && raw >> 53 == 0).then_some(Self(raw))
    }

    /// The number, below 2^53: every client's number type holds it.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The slot: dense, from 1.
    #[must_use]
    pub fn slot(self) -> u32 {
        (self.0 & SLOT_MASK) as u32
    }

    /// How many regions had the slot before.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "29 bits")]
    pub fn generation(self) -> u32 {
        (self.0 >> SLOT_BITS) as u32
    }
}

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a region's addresses are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionState {
    /// Handed out.
    Busy,
    /// Unmapped, and not yet acknowledged by every TLB.
    Lazy,
}

/// What is known of a region, as it was when it was asked.
#[derive(Clone, Copy, Debug)]
pub struct RegionInfo {
    /// Its id.
    pub id: RegionId,
    /// Its pages, without the guard page behind them.
    pub range: PageRange,
    /// The bytes that were asked for.
    pub requested: u64,
    /// What the pages may be used for.
    pub protection: Protection,
    /// The code that asked.
    pub caller: &'static str,
    /// The caller's own tag.
    pub owner: u64,
    /// What its addresses are worth.
    pub state: RegionState,
    /// Whether it is the kernel's own.
    pub system: bool,
    /// Whether its frames are the caller's: made by [`Vmalloc::vmap`].
    pub is_mapped: bool,
    /// Whether it is what a region has lost by shrinking.
    pub(crate) is_tail: bool,
}

impl RegionInfo {
    /// The pages with the guard: what the region takes of the window.
    #[must_use]
    pub fn with_guard(&self) -> PageRange {
        let pages = self.range.count().get();
        if self.is_tail {
            // Its first page is the guard of the region that goes on.
            let count = PageCount::from_pages(pages).unwrap_or(PageCount::MAX);
            return PageRange::proven(self.range.start() + 1, count);
        }
        let count = PageCount::from_pages(pages + 1).unwrap_or(PageCount::MAX);
        PageRange::proven(self.range.start(), count)
    }
}

/// A region that is freed when this is dropped.
///
/// Holding one proves that the region lives: while it has an owner nobody frees it by its id.
///
/// # Context
///
/// Dropping it is [`Vmalloc::vfree`]: for threads with interrupts on, not for handlers.
#[must_use = "a region that is not held is freed at once"]
pub struct Region<'v, M: Machine> {
    vmalloc: &'v Vmalloc<M>,
    id: RegionId,
    range: PageRange,
}

impl<'v, M: Machine> Region<'v, M> {
    pub(crate) fn new(vmalloc: &'v Vmalloc<M>, id: RegionId, range: PageRange) -> Self {
        Self { vmalloc, id, range }
    }

    /// Takes over a region that [`into_raw`](Self::into_raw) let go.
    ///
    /// # Errors
    ///
    /// - [`RegionError::Unknown`]: no region has, or had, this id.
    /// - [`RegionError::Gone`]: it is freed.
    /// - [`RegionError::Owned`]: somebody else owns it.
    /// - [`RegionError::Changing`]: somebody resizes it or changes its rights.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn from_raw(vmalloc: &'v Vmalloc<M>, id: RegionId) -> Result<Self, RegionError> {
        vmalloc.slots().step(id, Stage::Loose, Stage::Owned)?;
        Ok(Self { vmalloc, id, range: vmalloc.slots().slot(id.slot()).range() })
    }

    /// Lets the region live on without an owner; [`Vmalloc::vfree`] frees it by the id.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    #[must_use = "the id is the only way to free the region"]
    pub fn into_raw(self) -> RegionId {
        let loose = self.vmalloc.slots().step(self.id, Stage::Owned, Stage::Loose);
        debug_assert_eq!(loose, Ok(()), "only the owner changes what it owns");
        let id = self.id;
        core::mem::forget(self);
        id
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> RegionId {
        self.id
    }

    /// The first byte.
    #[must_use]
    pub fn address(&self) -> VirtAddr {
        self.range.address()
    }

    /// The bytes that are mapped: the request rounded up to pages, without the guard.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.range.count().bytes()
    }

    /// The pages, without the guard page behind them.
    #[must_use]
    pub fn range(&self) -> PageRange {
        self.range
    }

    /// Fills `count` pages from page `first` with zeros, through their frames: it works whatever
    /// the pages may be used for. For regions too long to be zeroed while they are allocated.
    ///
    /// # Panics
    ///
    /// If the pages leave the region, or map frames of the caller: those may be no memory at all.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    ///
    /// # Complexity
    ///
    /// O(count).
    pub fn zero(&self, first: PageCount, count: PageCount) {
        let is_mapped = self.vmalloc.slots().slot(self.id.slot()).traits().mapped;
        assert!(!is_mapped, "region {} maps frames of its caller", self.id);
        self.vmalloc.zero_pages(PageRange::within(self.range, first, count));
    }

    pub(crate) fn vmalloc(&self) -> &'v Vmalloc<M> {
        self.vmalloc
    }

    /// Looks its pages up again, which a resize has changed.
    pub(crate) fn refresh(&mut self) {
        self.range = self.vmalloc.slots().slot(self.id.slot()).range();
    }

    /// All that is known of it.
    ///
    /// # Panics
    ///
    /// Never: what has an owner lives.
    #[must_use]
    pub fn info(&self) -> RegionInfo {
        self.vmalloc.info(self.id).expect("what has an owner lives")
    }
}

impl<M: Machine> Drop for Region<'_, M> {
    fn drop(&mut self) {
        self.vmalloc.free_owned(self.id);
    }
}

impl<M: Machine> fmt::Debug for Region<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} at {:?})", self.id, self.range)
    }
}
