//! The buddy allocator: blocks of 2^order frames, split on demand, merged on return.
//!
//! Requests take the smallest blocks first, so scattered single frames are used up before a large
//! block is broken: no request needs two frames that are neighbours.

use spin::Mutex;

use super::meta::{FrameIndex, FrameMeta, FrameState};
use super::{FrameChain, FrameRange};
use crate::page::Frame;
use crate::raw::Slab;

/// Blocks of up to 2^10 frames: 4 MiB.
pub(crate) const ORDER_MAX: u32 = 10;
const ORDERS: usize = ORDER_MAX as usize + 1;

/// Fewer frames were free than were needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) requested: u64,
    pub(crate) available: u64,
}

/// The records of all frames and the free blocks among them.
#[derive(Debug)]
pub(crate) struct Buddy {
    base: Frame,
    metas: Slab<FrameMeta>,
    lists: Mutex<Lists>,
}

#[derive(Debug)]
struct Lists {
    heads: [FrameIndex; ORDERS],
    free: u64,
}

impl Buddy {
    /// Starts with no free frame; `base` is the frame of record 0, aligned to the largest block.
    pub(crate) fn new(base: Frame, metas: Slab<FrameMeta>) -> Self {
        let lists = Lists { heads: [FrameIndex::NONE; ORDERS], free: 0 };
        Self { base, metas, lists: Mutex::new(lists) }
    }

    /// The records.
    pub(crate) fn metas(&self) -> &[FrameMeta] {
        &self.metas
    }

    /// The record of one frame.
    pub(crate) fn meta(&self, frame: FrameIndex) -> &FrameMeta {
        &self.metas[frame.at()]
    }

    pub(crate) fn frame(&self, index: FrameIndex) -> Frame {
        self.base + u64::from(index.0)
    }

    /// The index of a frame, if it lies in the managed span.
    pub(crate) fn index(&self, frame: Frame) -> Option<FrameIndex> {
        if frame < self.base {
            return None;
        }
        let index = u32::try_from(frame - self.base).ok()?;
        ((index as usize) < self.metas.len()).then_some(FrameIndex(index))
    }

    pub(crate) fn free_count(&self) -> u64 {
        self.lists.lock().free
    }

    /// Takes `count` frames that need not be neighbours, and leaves `reserve` frames to others.
    ///
    /// # Errors
    ///
    /// [`Shortage`] when fewer are free; nothing has changed.
    pub(crate) fn take(&self, count: u64, reserve: u64) -> Result<FrameChain, Shortage> {
        let mut lists = self.lists.lock();
        let available = lists.free.saturating_sub(reserve);
        if available < count {
            return Err(Shortage { requested: count, available });
        }
        let mut chain = FrameChain::new();
        while chain.count() < count {
            let wanted = count - chain.count();
            let smallest = lists.smallest(0).expect("the free count says that a block is there");
            let (block, order) = lists.take_block(&self.metas, smallest, wanted);
            for offset in 0..1 << order {
                let frame = FrameIndex(block.0 + offset);
                chain.push(&self.metas, frame, FrameState::InFlight);
            }
        }
        Ok(chain)
    }

    /// Takes a run of neighbouring frames, a power of two long, for the kernel itself.
    pub(crate) fn take_run(&self, count: u64) -> Option<FrameRange> {
        let order = count.checked_next_power_of_two()?.trailing_zeros();
        let mut lists = self.lists.lock();
        let found = lists.smallest(order)?;
        let (block, order) = lists.take_block(&self.metas, found, 1 << order);
        for offset in 0..1 << order {
            self.metas[(block.0 + offset) as usize].set_state(FrameState::Heap);
        }
        Some(FrameRange { start: self.frame(block), count: 1 << order })
    }

    /// Puts a chain back, merging neighbours.
    pub(crate) fn put(&self, mut chain: FrameChain) {
        let mut lists = self.lists.lock();
        while let Some(frame) = chain.pop(&self.metas) {
            lists.put_block(&self.metas, frame, 0);
        }
    }

    /// Puts one block of `2^order` frames back, or hands it over for the first time.
    pub(crate) fn put_block(&self, first: FrameIndex, order: u32) {
        self.lists.lock().put_block(&self.metas, first, order);
    }

    /// Compares the lists with the records: every free frame in exactly one block.
    pub(crate) fn audit(&self) -> Result<(), (FrameIndex, &'static str)> {
        let lists = self.lists.lock();
        let mut listed = 0;
        for (order, head) in lists.heads.iter().enumerate() {
            let (mut here, mut before) = (*head, FrameIndex::NONE);
            while here != FrameIndex::NONE {
                let meta = self.meta(here);
                if meta.free_order() != u32::try_from(order).ok() {
                    return Err((here, "a listed block has another order"));
                }
                if meta.other() != before {
                    return Err((here, "a block's back link is wrong"));
                }
                if here.0 & ((1 << order) - 1) != 0 {
                    return Err((here, "a block is not aligned to its size"));
                }
                listed += 1u64 << order;
                if listed > self.metas.len() as u64 {
                    return Err((here, "a list has a loop"));
                }
                (before, here) = (here, meta.next());
            }
        }
        if listed != lists.free {
            return Err((FrameIndex::NONE, "the free count differs from the lists"));
        }
        Ok(())
    }
}

impl Lists {
    /// The lowest order, from `order` on, that has a block.
    fn smallest(&self, order: u32) -> Option<u32> {
        (order..=ORDER_MAX).find(|order| self.heads[*order as usize] != FrameIndex::NONE)
    }

    /// Takes a block of `found` order and splits it until it holds at most `wanted` frames.
    fn take_block(&mut self, metas: &[FrameMeta], found: u32, wanted: u64) -> (FrameIndex, u32) {
        let block = self.heads[found as usize];
        self.unlink(metas, block, found);
        let mut order = found;
        while (1u64 << order) > wanted {
            order -= 1;
            self.link(metas, FrameIndex(block.0 + (1 << order)), order);
        }
        self.free -= 1u64 << order;
        (block, order)
    }

    fn put_block(&mut self, metas: &[FrameMeta], first: FrameIndex, order: u32) {
        let (mut block, mut order) = (first, order);
        self.free += 1u64 << order;
        for offset in 0..1 << order {
            metas[(first.0 + offset) as usize].set_state(FrameState::Free);
        }
        while order < ORDER_MAX {
            let buddy = FrameIndex(block.0 ^ (1 << order));
            if metas.get(buddy.at()).and_then(FrameMeta::free_order) != Some(order) {
                break;
            }
            self.unlink(metas, buddy, order);
            metas[buddy.at()].set_state(FrameState::Free);
            block = FrameIndex(block.0.min(buddy.0));
            order += 1;
        }
        self.link(metas, block, order);
    }

    fn link(&mut self, metas: &[FrameMeta], block: FrameIndex, order: u32) {
        let next = self.heads[order as usize];
        let meta = &metas[block.at()];
        meta.set_free_head(order);
        meta.set_next(next);
        meta.set_other(FrameIndex::NONE);
        if next != FrameIndex::NONE {
            metas[next.at()].set_other(block);
        }
        self.heads[order as usize] = block;
    }

    fn unlink(&mut self, metas: &[FrameMeta], block: FrameIndex, order: u32) {
        let (next, before) = (metas[block.at()].next(), metas[block.at()].other());
        if before == FrameIndex::NONE {
            self.heads[order as usize] = next;
        } else {
            metas[before.at()].set_next(next);
        }
        if next != FrameIndex::NONE {
            metas[next.at()].set_other(before);
        }
    }
}
