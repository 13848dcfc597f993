//! Keeps freed areas whole, in one stack for each length, so that an allocation of the same length
//! takes one in a few steps.
//!
//! An area in a pool is at rest: it is not joined with its free neighbours until the window runs
//! short of addresses. It keeps its slot, and may keep its frames, whose chain is recorded in the
//! slot as it was while the frames were lazy.

use crate::frame::{FrameChain, FrameIndex};
use crate::raw::Slab;
use crate::region::slot::Slot;
use crate::region::slots::Slots;
use crate::sync::Mutex;

/// A pool of areas, with one stack for each length: the area that was put last is taken first.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Pool {
    /// The length of the shortest areas, in pages with the guard page.
    smallest: u64,
    rest: Mutex<Rest>,
}

#[derive(Debug)]
struct Rest {
    /// The slot of the top area of each stack, by length; 0 for an empty stack.
    tops: Slab<u32>,
    held: Held,
    limit: Held,
}

/// The numbers of areas, pages and frames in a pool, or the limits of these numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) areas: u64,
    /// Pages of these areas, with their guard pages.
    pub(crate) pages: u64,
    /// Frames that these areas have kept.
    pub(crate) frames: u64,
}

impl Pool {
    /// Creates an empty pool for areas of `smallest` pages and longer: one length for each entry of
    /// `tops`.
    pub(crate) fn new(smallest: u64, tops: Slab<u32>, limit: Held) -> Self {
        let rest = Rest { tops, held: Held::default(), limit };
        Self { smallest, rest: Mutex::new(rest) }
    }

    /// Takes the area of exactly `length` pages that was put last. Returns `None` if its start is
    /// not a multiple of `align` pages. If the area has kept frames, they become the caller's too.
    #[inline(always)]
    pub(crate) fn take<'s>(
        &self,
        slots: &'s Slots,
        length: u64,
        align: u64,
    ) -> Option<(u32, &'s Slot)> {
        let size = usize::try_from(length.checked_sub(self.smallest)?).ok()?;
        let mut rest = self.rest.lock();
        let rest = &mut *rest;
        let top = rest.tops.get_mut(size)?;
        let slot = *top;
        if slot == 0 {
            return None;
        }
        let record = slots.slot(slot);
        if align > 1 && record.addresses().0 & (align - 1) != 0 {
            return None;
        }
        *top = record.next();
        rest.held.areas -= 1;
        rest.held.pages -= length;
        if record.has_frames() {
            rest.held.frames -= length - 1;
        }
        Some((slot, record))
    }

    /// Takes the area of exactly `length` pages that was put last, if it has kept its frames, and
    /// returns its first frame too. Does not wait: also returns `None` if another CPU holds the
    /// lock of the pool.
    #[inline(always)]
    pub(crate) fn take_backed<'s>(
        &self,
        slots: &'s Slots,
        length: u64,
    ) -> Option<(u32, &'s Slot, FrameIndex)> {
        let size = usize::try_from(length.checked_sub(self.smallest)?).ok()?;
        let mut rest = self.rest.try_lock()?;
        let rest = &mut *rest;
        let top = rest.tops.get_mut(size)?;
        let slot = *top;
        let record = slots.get(slot)?;
        let frame = record.first_frame();
        if frame == FrameIndex::NONE {
            return None;
        }
        *top = record.next();
        rest.held.areas -= 1;
        rest.held.pages -= length;
        rest.held.frames -= length - 1;
        Some((slot, record, frame))
    }

    /// Puts an area without frames into the pool. Returns `false`, without an effect, if the pool
    /// has no stack for this length or a limit would be exceeded.
    #[inline]
    pub(crate) fn put(&self, slots: &Slots, slot: u32, length: u64) -> bool {
        self.put_chain(slots, (slot, slot), Held { areas: 1, pages: length, frames: 0 }, length)
    }

    /// Puts an area into the pool, as [`put`](Self::put) does, with the frames that are recorded in
    /// its slot.
    pub(crate) fn put_backed(&self, slots: &Slots, slot: u32, length: u64) -> bool {
        let frames = slots.slot(slot).rested().count();
        self.put_chain(slots, (slot, slot), Held { areas: 1, pages: length, frames }, length)
    }

    /// Puts several areas of one length into the pool. The slots are linked from `first` to `last`.
    /// Returns `false`, without an effect, if the pool has no stack for this length or a limit
    /// would be exceeded. The number of frames has no limit here; the caller limits it.
    #[inline(always)]
    pub(crate) fn put_chain(
        &self,
        slots: &Slots,
        (first, last): (u32, u32),
        more: Held,
        length: u64,
    ) -> bool {
        let Some(size) = length.checked_sub(self.smallest) else { return false };
        let mut rest = self.rest.lock();
        let rest = &mut *rest;
        let held = Held {
            areas: rest.held.areas + more.areas,
            pages: rest.held.pages + more.pages,
            frames: rest.held.frames + more.frames,
        };
        let is_full = held.areas > rest.limit.areas || held.pages > rest.limit.pages;
        let top = usize::try_from(size).ok().and_then(|size| rest.tops.get_mut(size));
        let Some(top) = top.filter(|_| !is_full) else { return false };
        slots.slot(last).set_next(*top);
        *top = first;
        rest.held = held;
        true
    }

    /// Takes any area and its frames, shorter areas first. `from` is the index of the stack where
    /// the search starts, and is advanced over empty stacks, so that repeated calls empty the pool.
    pub(crate) fn take_any(&self, slots: &Slots, from: &mut usize) -> Option<u32> {
        let mut rest = self.rest.lock();
        let rest = &mut *rest;
        if rest.held.areas == 0 {
            return None;
        }
        while *from < rest.tops.len() {
            let slot = rest.tops[*from];
            if slot != 0 {
                rest.tops[*from] = slots.slot(slot).next();
                rest.held.areas -= 1;
                let length = self.smallest + *from as u64;
                rest.held.pages -= length;
                if slots.slot(slot).has_frames() {
                    rest.held.frames -= length - 1;
                }
                return Some(slot);
            }
            *from += 1;
        }
        None
    }

    /// Returns the numbers of areas, pages and frames in this pool.
    pub(crate) fn held(&self) -> Held {
        self.rest.lock().held
    }

    /// Checks that the areas on the stacks match the numbers in `held`, and calls `each` with the
    /// start, length and frames of every area.
    pub(crate) fn audit(
        &self,
        slots: &Slots,
        mut each: impl FnMut(u64, u64, FrameChain),
    ) -> Result<(), &'static str> {
        let rest = self.rest.lock();
        let mut found = Held::default();
        for (size, top) in rest.tops.iter().enumerate() {
            let mut slot = *top;
            while slot != 0 {
                let (start, length) = slots.slot(slot).addresses();
                if length != self.smallest + size as u64 {
                    return Err("an area at rest has another size");
                }
                found.areas += 1;
                found.pages += length;
                if found.areas > rest.held.areas {
                    return Err("more areas are at rest than are counted");
                }
                let frames = slots.slot(slot).rested();
                found.frames += frames.count();
                each(start, length, frames);
                slot = slots.slot(slot).next();
            }
        }
        if found == rest.held { Ok(()) } else { Err("the areas at rest are counted wrong") }
    }
}
