//! Areas at rest by exact size: taken again in a few steps, and not joined with their neighbours
//! until the addresses are needed.
//!
//! An area at rest keeps its slot, so taking it takes both. It may keep its frames too, noted there
//! as they were while they were lazy.

use crate::frame::{FrameChain, FrameIndex};
use crate::raw::Slab;
use crate::region::slot::Slot;
use crate::region::slots::Slots;
use crate::sync::Mutex;

/// Areas of some sizes, each size a stack: the last one put is the first one taken.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Pool {
    /// The smallest size, in pages with the guard.
    smallest: u64,
    rest: Mutex<Rest>,
}

#[derive(Debug)]
struct Rest {
    /// The slot on top of each size's stack; 0 for an empty stack.
    tops: Slab<u32>,
    held: Held,
    limit: Held,
}

/// How much is at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) areas: u64,
    /// With their guards.
    pub(crate) pages: u64,
    /// Frames that rest with them.
    pub(crate) frames: u64,
}

impl Pool {
    /// Holds areas of `smallest` pages and a size more for each further one of `tops`.
    pub(crate) fn new(smallest: u64, tops: Slab<u32>, limit: Held) -> Self {
        let rest = Rest { tops, held: Held::default(), limit };
        Self { smallest, rest: Mutex::new(rest) }
    }

    /// Takes the area of exactly `length` pages that was put last, if it starts at a multiple of
    /// `align` pages. Its frames are the caller's too, if it has any.
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

    /// Takes an area that has kept its frames, as [`take`](Self::take) does, and returns the first
    /// frame too. Returns `None` as well if the pool is locked: it does not wait.
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

    /// Puts an area without frames to rest; false if its size has no place here or enough is held.
    #[inline]
    pub(crate) fn put(&self, slots: &Slots, slot: u32, length: u64) -> bool {
        self.put_chain(slots, (slot, slot), Held { areas: 1, pages: length, frames: 0 }, length)
    }

    /// As [`put`](Self::put), with the frames that are noted.
    pub(crate) fn put_backed(&self, slots: &Slots, slot: u32, length: u64) -> bool {
        let frames = slots.slot(slot).rested().count();
        self.put_chain(slots, (slot, slot), Held { areas: 1, pages: length, frames }, length)
    }

    /// Puts areas of one size to rest, which are linked from the first one to the last one; false
    /// if their size has no place here or too much would be held. How many frames may rest is for
    /// the caller to know.
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

    /// Takes any area and its frames, the smallest first; `from` is where the search goes on.
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

    /// How much is at rest.
    pub(crate) fn held(&self) -> Held {
        self.rest.lock().held
    }

    /// Compares the stacks with what is said to be held, and calls `each` with every area and its
    /// frames.
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
