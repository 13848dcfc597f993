//! The buddy allocator: blocks of 2^order frames, split on demand, merged on return.
//!
//! Requests take the smallest blocks first, so scattered single frames are used up before a large
//! block is broken: no request needs two frames that are neighbours.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::PhysAddr;

use super::FrameChain;
use super::meta::{FrameIndex, FrameMeta, FrameState};
use crate::machine::NODES;
use crate::page::{Frame, PAGE_BYTES};
use crate::raw::Slab;
use crate::sync::Mutex;

/// Blocks of up to 2^10 frames: 4 MiB.
pub(crate) const ORDER_MAX: u32 = 10;
const ORDERS: usize = ORDER_MAX as usize + 1;
/// The most frames that go in or out before the lock is let go for others.
pub(crate) const PART_FRAMES: u64 = 1024;

/// The records of all frames and the free blocks among them, by NUMA node.
#[derive(Debug)]
pub(crate) struct Buddy {
    base: u64,
    metas: Slab<FrameMeta>,
    nodes: [Mutex<Lists>; NODES],
    /// Free frames of all nodes, for readers without a lock.
    free: AtomicU64,
}

#[derive(Debug)]
struct Lists {
    heads: [FrameIndex; ORDERS],
    free: u64,
}

impl Buddy {
    /// Starts with no free frame; `base` is the frame of record 0, aligned to the largest block.
    pub(crate) fn new(base: Frame, metas: Slab<FrameMeta>) -> Self {
        let nodes = core::array::from_fn(|_| {
            Mutex::new(Lists { heads: [FrameIndex::NONE; ORDERS], free: 0 })
        });
        let base = base.start_address().as_u64() / PAGE_BYTES;
        Self { base, metas, nodes, free: AtomicU64::new(0) }
    }

    /// The records.
    #[inline]
    pub(crate) fn metas(&self) -> &[FrameMeta] {
        &self.metas
    }

    /// The record of one frame.
    #[inline]
    pub(crate) fn meta(&self, frame: FrameIndex) -> &FrameMeta {
        &self.metas[frame.at()]
    }

    #[inline]
    pub(crate) fn frame(&self, index: FrameIndex) -> Frame {
        let number = self.base + u64::from(index.0);
        Frame::containing_address(PhysAddr::new_truncate(number * PAGE_BYTES))
    }

    /// The index of a frame, if it lies in the managed span.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "records are numbered in 32 bits")]
    pub(crate) fn index(&self, frame: Frame) -> Option<FrameIndex> {
        let number = frame.start_address().as_u64() / PAGE_BYTES;
        let index = number.wrapping_sub(self.base);
        (index < self.metas.len() as u64).then_some(FrameIndex(index as u32))
    }

    pub(crate) fn free_count(&self) -> u64 {
        // Relaxed here and below: a number that may be old when it is read.
        self.free.load(Ordering::Relaxed)
    }

    /// Free frames of one node.
    pub(crate) fn free_on(&self, node: usize) -> u64 {
        self.nodes[node].lock().free
    }

    /// Takes up to `count` frames of a node, which need not be neighbours.
    pub(crate) fn take(&self, node: usize, count: u64) -> FrameChain {
        let mut lists = self.nodes[node].lock();
        let mut chain = FrameChain::new();
        while chain.count() < count {
            let wanted = count - chain.count();
            let Some(smallest) = lists.smallest(0) else { break };
            let (block, order) = lists.take_block(&self.metas, smallest, wanted);
            // From the last one down: a chain's neighbours are best neighbours in memory.
            for offset in (0..1 << order).rev() {
                let frame = FrameIndex(block.0 + offset);
                self.metas[frame.at()].set_state(FrameState::Taken);
                chain.push(&self.metas, frame, 1);
            }
        }
        self.free.fetch_sub(chain.count(), Ordering::Relaxed);
        chain
    }

    /// Takes `2^order` neighbouring frames of a node.
    pub(crate) fn take_block(
        &self,
        node: usize,
        order: u32,
        state: FrameState,
    ) -> Option<FrameIndex> {
        let mut lists = self.nodes[node].lock();
        let found = lists.smallest(order)?;
        let (block, order) = lists.take_block(&self.metas, found, 1 << order);
        for offset in 0..1 << order {
            self.metas[(block.0 + offset) as usize].set_state(state);
        }
        self.free.fetch_sub(1 << order, Ordering::Relaxed);
        Some(block)
    }

    /// Puts a chain back, merging neighbours.
    pub(crate) fn put(&self, mut chain: FrameChain) {
        let count = chain.count();
        let mut node = NODES;
        let mut lists = None;
        while let Some(frame) = chain.pop(&self.metas) {
            let home = self.meta(frame).node();
            if home != node || chain.count().is_multiple_of(PART_FRAMES) {
                // One lock at a time: the last node's goes before the next one's comes.
                drop(lists.take());
                lists = Some(self.nodes[home].lock());
                node = home;
            }
            let lists = lists.as_mut().expect("locked above");
            lists.put_block(&self.metas, frame, 0);
        }
        self.free.fetch_add(count, Ordering::Relaxed);
    }

    /// Puts one block of `2^order` frames back, or hands it over for the first time.
    pub(crate) fn put_block(&self, first: FrameIndex, order: u32) {
        self.nodes[self.meta(first).node()].lock().put_block(&self.metas, first, order);
        self.free.fetch_add(1 << order, Ordering::Relaxed);
    }

    /// Compares the lists with the records: every free frame in exactly one block.
    pub(crate) fn audit(&self) -> Result<(), (FrameIndex, &'static str)> {
        (0..NODES).try_for_each(|node| self.audit_node(node))
    }

    fn audit_node(&self, node: usize) -> Result<(), (FrameIndex, &'static str)> {
        let lists = self.nodes[node].lock();
        let mut listed = 0;
        for (order, head) in lists.heads.iter().enumerate() {
            let (mut here, mut before) = (*head, FrameIndex::NONE);
            while here != FrameIndex::NONE {
                let meta = self.meta(here);
                if meta.free_order() != u32::try_from(order).ok() {
                    return Err((here, "a listed block has another order"));
                }
                if meta.node() != node {
                    return Err((here, "a block is listed for another node"));
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
            let is_free = |meta: &&FrameMeta| {
                meta.free_order() == Some(order) && meta.node() == metas[block.at()].node()
            };
            if metas.get(buddy.at()).filter(is_free).is_none() {
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
