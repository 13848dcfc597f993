//! All free addresses: pools of exact sizes in front of one tree.

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

/// The longest area that a CPU's pool holds, in pages with the guard.
pub(crate) const POOL_LENGTH_MAX: u64 = 257;

/// The longest area that the shelf holds, in pages with the guard.
pub(crate) const SHELF_LENGTH_MAX: u64 = 4097;

/// No area is shorter: a page and its guard.
pub(crate) const LENGTH_MIN: u64 = 2;

/// Of the window and of the slots, the part that all pools, and the shelf, may each hold.
const HELD_PART: u64 = 8;

/// A reserved run of addresses, with the slot that describes it.
#[derive(Clone, Copy, Debug)]
#[must_use = "an area that is dropped is lost"]
pub(crate) struct Area {
    pub(crate) slot: u32,
    /// The first page's number.
    pub(crate) start: u64,
    /// Pages with the guard.
    pub(crate) length: u64,
    is_pooled: bool,
}

impl Area {
    /// Whether it has rested in a pool.
    #[inline]
    pub(crate) fn is_pooled(&self) -> bool {
        self.is_pooled
    }
}

/// The addresses that a request needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    /// Pages with the guard.
    pub(crate) length: u64,
    /// In pages, a power of two.
    pub(crate) align: u64,
    /// Pages behind a multiple of `align`.
    pub(crate) phase: u64,
    /// Whether the region is the kernel's own.
    pub(crate) system: bool,
}

/// Why there is no area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoArea {
    Slot,
    Addresses,
}

/// Free addresses and free slots.
#[derive(Debug)]
pub(crate) struct Areas {
    tree: Mutex<FreeTree>,
    pub(crate) slots: Slots,
    /// One for each CPU: a CPU number is a hint, any CPU can empty any pool.
    pools: Slab<Pool>,
    /// Longer areas, shared.
    shelf: Pool,
    pooling: AtomicBool,
}

impl Areas {
    /// Returns the limit of each of `parts` pools over a window.
    pub(crate) fn limit(window_pages: u64, regions: u32, parts: u64) -> Held {
        let part = HELD_PART * parts;
        Held { areas: u64::from(regions) / part, pages: window_pages / part, frames: 0 }
    }

    pub(crate) fn new(tree: FreeTree, slots: Slots, pools: Slab<Pool>, shelf: Pool) -> Self {
        Self { tree: Mutex::new(tree), slots, pools, shelf, pooling: AtomicBool::new(true) }
    }

    /// Chooses whether freed areas rest in pools.
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

    /// Takes a slot and addresses. An area from a pool may have frames, which [`Slot::take_rested`]
    /// returns.
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

    /// Takes a client's slot and addresses out of a pool.
    #[inline(always)]
    pub(crate) fn take_ready(&self, cpu: CpuId, length: u64, align: u64) -> Option<(u32, &Slot)> {
        if !self.is_pooling() {
            return None;
        }
        self.pool(cpu, length).take(&self.slots, length, align)
    }

    /// As [`take_ready`](Self::take_ready), of an area that has kept its frames; the first of them.
    #[inline(always)]
    pub(crate) fn take_backed(&self, cpu: CpuId, length: u64) -> Option<(u32, &Slot, FrameIndex)> {
        if !self.is_pooling() {
            return None;
        }
        self.pool(cpu, length).take_backed(&self.slots, length)
    }

    /// As [`untake`](Self::untake), for what [`take_ready`](Self::take_ready) took.
    pub(crate) fn untake_ready(&self, cpu: CpuId, slot: u32) {
        let (start, length) = self.slots.slot(slot).addresses();
        self.untake(cpu, Area { slot, start, length, is_pooled: true }, false);
    }

    /// Takes a slot from the queues and addresses from the tree.
    #[inline(never)]
    fn take_new(&self, fit: &Fit) -> Result<Area, NoArea> {
        let slot = self.slots.take(fit.system).ok_or(NoArea::Slot)?;
        let Some(start) = self.tree.lock().take(fit.length, fit.align, fit.phase) else {
            self.slots.untake(slot, fit.system);
            return Err(NoArea::Addresses);
        };
        Ok(Area { slot, start, length: fit.length, is_pooled: false })
    }

    /// Takes exactly these addresses, without a slot, if they are free.
    pub(crate) fn take_at(&self, start: u64, length: u64) -> bool {
        self.tree.lock().take_at(start, length)
    }

    /// Gives addresses back that were taken without a slot.
    pub(crate) fn put_at(&self, start: u64, length: u64) {
        self.tree.lock().put(start, length);
    }

    /// Gives back what was taken and never shown: the next one to take gets the same again.
    pub(crate) fn untake(&self, cpu: CpuId, area: Area, system: bool) {
        let pool = self.pool(cpu, area.length);
        if area.is_pooled && pool.put(&self.slots, area.slot, area.length) {
            return;
        }
        self.put_at(area.start, area.length);
        self.slots.untake(area.slot, system);
    }

    /// Ends the life of a slot without frames and gives its addresses back: a purge of one.
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

    /// Whether an area may rest in a pool; others go where neighbours are joined.
    #[inline]
    pub(super) fn may_rest(&self, extent: Extent) -> bool {
        !extent.is_system() && self.is_pooling() && extent.length() >= LENGTH_MIN
    }

    /// Puts an area where neighbours are joined; its slot can be used again if `is_usable`.
    #[cold]
    #[inline(never)]
    pub(super) fn put_joined(&self, slot: u32, is_usable: bool) {
        let record = self.slots.slot(slot);
        let (start, length) = record.addresses();
        // Asked before others can have the slot.
        let system = record.extent().is_system();
        self.put_at(start, length);
        if is_usable {
            self.slots.put(slot, system);
        }
    }

    /// Joins all that rests in pools with its neighbours, and returns the frames that rested there.
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

    /// How much rests in pools.
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

    /// Free pages, those at rest too.
    pub(crate) fn free(&self) -> u64 {
        // One lock at a time.
        let free = self.tree.lock().free();
        free + self.held().pages
    }

    /// The highest free run that no pool holds a part of.
    pub(crate) fn last(&self) -> Option<(u64, u64)> {
        self.tree.lock().last()
    }

    /// The longest free run that no pool holds a part of.
    pub(crate) fn largest(&self) -> u64 {
        self.tree.lock().largest()
    }

    /// Checks tree and pools against themselves and calls `each` with every free run, and with the
    /// frames that rest with it in a pool; those of the tree come first and in order.
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
