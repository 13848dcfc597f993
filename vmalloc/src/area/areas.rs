//! Takes and returns areas: from a pool if an area of exactly the requested length rests there, or
//! else from the tree of free runs.

use super::FreeTree;
use super::pool::{Held, Pool};
use crate::frame::meta::FrameMeta;
use crate::frame::{FrameChain, FrameIndex};
use crate::machine::CpuId;
use crate::raw::Slab;
use crate::region::extent::Extent;
use crate::region::slot::Slot;
use crate::region::slots::Slots;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// The length of the longest area that the pool of a CPU holds, in pages with the guard page.
pub(crate) const POOL_LENGTH_MAX: u64 = 257;

/// The length of the longest area that the shelf holds, in pages with the guard page. The shelf is
/// one pool that all CPUs share.
pub(crate) const SHELF_LENGTH_MAX: u64 = 4097;

/// The length of the shortest area: one page and its guard page.
pub(crate) const LENGTH_MIN: u64 = 2;

/// The divisor of the limits of pools. The pools of all CPUs together hold at most 1/8 of the pages
/// of the window and 1/8 of all slots, and the shelf holds at most as much again.
const HELD_PART: u64 = 8;

/// A reserved run of addresses, with the slot that describes it.
#[derive(Clone, Copy, Debug)]
#[must_use = "an area that is dropped is lost"]
pub(crate) struct Area {
    pub(crate) slot: u32,
    /// The number of the first page.
    pub(crate) start: u64,
    /// The number of pages, with the guard page.
    pub(crate) length: u64,
    is_pooled: bool,
}

impl Area {
    /// Returns whether this area was taken from a pool.
    #[inline]
    pub(crate) fn is_pooled(&self) -> bool {
        self.is_pooled
    }
}

/// The length, alignment and kind of the area that a request needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    /// The number of pages, with the guard page.
    pub(crate) length: u64,
    /// The alignment in pages, a power of two.
    pub(crate) align: u64,
    /// The number of pages between a multiple of `align` and the start of the area.
    pub(crate) phase: u64,
    /// Whether the region belongs to the kernel itself. Such a region takes its slot from the high
    /// end, and its area never goes to a pool.
    pub(crate) system: bool,
}

/// The resource whose exhaustion makes an allocation of addresses fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoArea {
    Slot,
    Addresses,
}

/// The free addresses of the window and the free slots.
#[derive(Debug)]
pub(crate) struct Areas {
    tree: Mutex<FreeTree>,
    pub(crate) slots: Slots,
    /// One pool for each CPU. The CPU number selects a pool to avoid contention; any CPU may use
    /// any pool.
    pools: Slab<Pool>,
    /// The pool of areas longer than [`POOL_LENGTH_MAX`], shared by all CPUs.
    shelf: Pool,
    pooling: AtomicBool,
}

impl Areas {
    /// Returns the limit of one pool if `parts` equal pools share 1/8 of the window and of the
    /// slots.
    pub(crate) fn limit(window_pages: u64, regions: u32, parts: u64) -> Held {
        let part = HELD_PART * parts;
        Held { areas: u64::from(regions) / part, pages: window_pages / part, frames: 0 }
    }

    pub(crate) fn new(tree: FreeTree, slots: Slots, pools: Slab<Pool>, shelf: Pool) -> Self {
        Self { tree: Mutex::new(tree), slots, pools, shelf, pooling: AtomicBool::new(true) }
    }

    /// Sets whether freed areas go to pools. If `on` is false, every freed area goes to the tree.
    pub(crate) fn set_pooling(&self, on: bool) {
        self.pooling.store(on, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn pool(&self, cpu: CpuId, length: u64) -> &Pool {
        if length > POOL_LENGTH_MAX {
            return &self.shelf;
        }
        &self.pools[cpu.0 as usize]
    }

    #[inline]
    fn is_pooling(&self) -> bool {
        self.pooling.load(Ordering::Relaxed)
    }

    /// Takes a slot and addresses. An area from a pool may still have frames; the caller must
    /// collect these frames with [`Slot::take_rested`].
    #[inline]
    pub(crate) fn take(&self, cpu: CpuId, fit: &Fit) -> Result<Area, NoArea> {
        if !fit.system
            && fit.phase == 0
            && let Some((slot, record)) = self.take_ready(cpu, fit.length, fit.align)
        {
            let start = record.addresses().0;
            return Ok(Area { slot, start, length: fit.length, is_pooled: true });
        }
        self.take_new(fit)
    }

    /// Takes the slot and addresses of a client region from a pool. Returns `None` if the pool has
    /// no area of this length that is aligned to `align`.
    #[inline(always)]
    pub(crate) fn take_ready(&self, cpu: CpuId, length: u64, align: u64) -> Option<(u32, &Slot)> {
        if !self.is_pooling() {
            return None;
        }
        self.pool(cpu, length).take(&self.slots, length, align)
    }

    /// Takes an area as [`take_ready`](Self::take_ready) does, but only one that has kept its
    /// frames. Returns the first frame too.
    #[inline(always)]
    pub(crate) fn take_backed(&self, cpu: CpuId, length: u64) -> Option<(u32, &Slot, FrameIndex)> {
        if !self.is_pooling() {
            return None;
        }
        self.pool(cpu, length).take_backed(&self.slots, length)
    }

    /// Returns an area that [`take_ready`](Self::take_ready) took and whose region was not
    /// published.
    pub(crate) fn untake_ready(&self, cpu: CpuId, slot: u32) {
        let (start, length) = self.slots.slot(slot).addresses();
        self.untake(cpu, Area { slot, start, length, is_pooled: true }, false);
    }

    /// Takes a slot from the slot queues and addresses from the tree.
    #[inline(never)]
    fn take_new(&self, fit: &Fit) -> Result<Area, NoArea> {
        let slot = self.slots.take(fit.system).ok_or(NoArea::Slot)?;
        let Some(start) = self.tree.lock().take(fit.length, fit.align, fit.phase) else {
            self.slots.untake(slot, fit.system);
            return Err(NoArea::Addresses);
        };
        Ok(Area { slot, start, length: fit.length, is_pooled: false })
    }

    /// Takes the `length` pages from page `start`, without a slot. Returns `false` if one of these
    /// pages is not free.
    pub(crate) fn take_at(&self, start: u64, length: u64) -> bool {
        self.tree.lock().take_at(start, length)
    }

    /// Returns addresses to the tree that were taken without a slot.
    pub(crate) fn put_at(&self, start: u64, length: u64) {
        self.tree.lock().put(start, length);
    }

    /// Returns an area whose region was never published, so that the next request of the same kind
    /// gets the same slot and addresses.
    pub(crate) fn untake(&self, cpu: CpuId, area: Area, system: bool) {
        let pool = self.pool(cpu, area.length);
        if area.is_pooled && pool.put(&self.slots, area.slot, area.length) {
            return;
        }
        self.put_at(area.start, area.length);
        self.slots.untake(area.slot, system);
    }

    /// Retires a slot whose region has no frames and releases its addresses. This equals a purge of
    /// one area.
    #[cfg(feature = "bench")]
    #[inline]
    pub(crate) fn put(&self, cpu: CpuId, slot: u32) {
        let record = self.slots.slot(slot);
        let extent = record.extent();
        let is_usable = record.retire() <= crate::id::GENERATION_MAX;
        if !(is_usable && self.may_rest(extent)) {
            self.put_joined(slot, is_usable);
            return;
        }
        record.strip(extent);
        let length = extent.length();
        if !self.pool(cpu, length).put(&self.slots, slot, length) {
            self.put_joined(slot, true);
        }
    }

    /// Returns whether an area may go to a pool. Any other area goes to the tree, which joins it
    /// with its neighbours.
    #[inline]
    pub(super) fn may_rest(&self, extent: Extent) -> bool {
        !extent.is_system() && self.is_pooling() && extent.length() >= LENGTH_MIN
    }

    /// Returns the addresses of an area to the tree. Frees its slot too if `is_usable`; a slot
    /// whose generations are used up is never used again.
    #[cold]
    #[inline(never)]
    pub(super) fn put_joined(&self, slot: u32, is_usable: bool) {
        let record = self.slots.slot(slot);
        let (start, length) = record.addresses();
        // Read before the slot is freed, because another CPU may then rewrite the record.
        let system = record.extent().is_system();
        self.put_at(start, length);
        if is_usable {
            self.slots.put(slot, system);
        }
    }

    /// Empties all pools: returns their areas to the tree, frees their slots, and returns the
    /// frames that these areas have kept.
    pub(crate) fn drain(&self, metas: &[FrameMeta]) -> FrameChain {
        let mut frames = FrameChain::new();
        for pool in self.pools.iter().chain([&self.shelf]) {
            let mut from = 0;
            while let Some(slot) = pool.take_any(&self.slots, &mut from) {
                let record = self.slots.slot(slot);
                let (start, length) = record.addresses();
                frames.append(metas, record.take_rested());
                self.put_at(start, length);
                self.slots.put(slot, false);
            }
        }
        frames
    }

    /// Returns the numbers of areas, pages and frames in all pools together.
    pub(crate) fn held(&self) -> Held {
        let mut sum = Held::default();
        for pool in self.pools.iter().chain([&self.shelf]) {
            let held = pool.held();
            sum.areas += held.areas;
            sum.pages += held.pages;
            sum.frames += held.frames;
        }
        sum
    }

    /// Returns the number of free pages, in the tree and in pools.
    pub(crate) fn free(&self) -> u64 {
        // Locks the tree and each pool one after the other, never two at once.
        let free = self.tree.lock().free();
        free + self.held().pages
    }

    /// Returns the start and length of the highest free run in the tree. Areas in pools are not
    /// counted.
    pub(crate) fn last(&self) -> Option<(u64, u64)> {
        self.tree.lock().last()
    }

    /// Returns the length of the longest free run in the tree. Areas in pools are not counted.
    pub(crate) fn largest(&self) -> u64 {
        self.tree.lock().largest()
    }

    /// Checks the tree and the pools for consistency. Calls `each` with the start and length of
    /// every free run: first those of the tree in address order, then every area in a pool with its
    /// frames.
    pub(crate) fn audit(
        &self,
        mut each: impl FnMut(u64, u64, Option<FrameChain>),
    ) -> Result<(), &'static str> {
        {
            let tree = self.tree.lock();
            tree.audit()?;
            let mut from = 0;
            while let Some((start, length)) = tree.next_from(from) {
                each(start, length, None);
                from = start + length;
            }
        }
        for pool in self.pools.iter().chain([&self.shelf]) {
            pool.audit(&self.slots, |start, length, frames| each(start, length, Some(frames)))?;
        }
        Ok(())
    }
}
