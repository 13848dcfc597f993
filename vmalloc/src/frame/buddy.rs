//! The buddy allocator: keeps free frames in blocks of 2^order frames, splits a block on demand,
//! and merges free buddies when frames are returned.
//!
//! The frames of a request need not be adjacent. So a request takes the smallest blocks first,
//! which uses up scattered single frames before a large block is split.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::PhysAddr;

use super::FrameChain;
use super::meta::{FrameIndex, FrameMeta, FrameState};
use crate::machine::NODES;
use crate::page::{Frame, PAGE_BYTES};
use crate::raw::Slab;
use crate::sync::Mutex;

/// The order of the largest blocks: 2^10 frames, which are 4 MiB.
pub(crate) const ORDER_MAX: u32 = 10;
const ORDERS: usize = ORDER_MAX as usize + 1;
/// The number of frames that are taken or returned under one hold of the lock, so that other CPUs
/// wait only for a short time.
pub(crate) const PART_FRAMES: u64 = 1024;

/// The records of all frames, and the lists of free blocks of each NUMA node.
#[derive(Debug)]
pub(crate) struct Buddy {
    base: u64,
    metas: Slab<FrameMeta>,
    nodes: [Mutex<Lists>; NODES],
    /// The number of free frames of all nodes, for readers that do not lock the lists.
    free: AtomicU64,
}

#[derive(Debug)]
struct Lists {
    heads: [FrameIndex; ORDERS],
    free: u64,
}

impl Buddy {
    /// Creates an allocator without free frames. `base` is the frame of record 0 and must be
    /// aligned to the largest block.
    pub(crate) fn new(base: Frame, metas: Slab<FrameMeta>) -> Self {
        let nodes = core::array::from_fn(|_| {
            Mutex::new(Lists { heads: [FrameIndex::NONE; ORDERS], free: 0 })
        });
        let base = base.start_address().as_u64() / PAGE_BYTES;
        Self { base, metas, nodes, free: AtomicU64::new(0) }
    }

    /// Returns the records of all frames.
    #[inline]
    pub(crate) fn metas(&self) -> &[FrameMeta] {
        &self.metas
    }

    /// Returns the record of one frame.
    #[inline]
    pub(crate) fn meta(&self, frame: FrameIndex) -> &FrameMeta {
        &self.metas[frame.at()]
    }

    #[inline]
    pub(crate) fn frame(&self, index: FrameIndex) -> Frame {
        let number = self.base + u64::from(index.0);
        Frame::containing_address(PhysAddr::new_truncate(number * PAGE_BYTES))
    }

    /// Returns the index of a frame, or `None` if the frame is outside the managed span.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "records are numbered in 32 bits")]
    pub(crate) fn index(&self, frame: Frame) -> Option<FrameIndex> {
        let number = frame.start_address().as_u64() / PAGE_BYTES;
        let index = number.wrapping_sub(self.base);
        (index < self.metas.len() as u64).then_some(FrameIndex(index as u32))
    }

    pub(crate) fn free_count(&self) -> u64 {
        // Relaxed here and below: the number is a statistic, and may be outdated when the caller
        // reads it.
        self.free.load(Ordering::Relaxed)
    }

    /// Returns the number of free frames of one node.
    pub(crate) fn free_on(&self, node: usize) -> u64 {
        self.nodes[node].lock().free
    }

    /// Takes up to `count` frames of a node, not necessarily adjacent ones. The chain is shorter if
    /// the node has fewer free frames.
    pub(crate) fn take(&self, node: usize, count: u64) -> FrameChain {
        let mut lists = self.nodes[node].lock();
        let mut chain = FrameChain::new();
        while chain.count() < count {
            let wanted = count - chain.count();
            let Some(smallest) = lists.smallest(0) else { break };
            let (block, order) = lists.take_block(&self.metas, smallest, wanted);
            // Pushed from the last frame of the block to the first, so that the chain lists
            // adjacent frames in ascending order.
            for offset in (0..1 << order).rev() {
                let frame = FrameIndex(block.0 + offset);
                self.metas[frame.at()].set_state(FrameState::Taken);
                chain.push(&self.metas, frame, 1);
            }
        }
        self.free.fetch_sub(chain.count(), Ordering::Relaxed);
        chain
    }

    /// Takes `2^order` adjacent frames of a node and sets the state of each to `state`.
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

    /// Returns the frames of a chain to the free lists of their nodes, and merges free buddies.
    pub(crate) fn put(&self, mut chain: FrameChain) {
        let count = chain.count();
        let mut node = NODES;
        let mut lists = None;
        while let Some(frame) = chain.pop(&self.metas) {
            let home = self.meta(frame).node();
            if home != node || chain.count().is_multiple_of(PART_FRAMES) {
                // Never holds two locks: the lock of the previous node is released before the next
                // one is taken.
                drop(lists.take());
                lists = Some(self.nodes[home].lock());
                node = home;
            }
            let lists = lists.as_mut().expect("locked above");
            lists.put_block(&self.metas, frame, 0);
        }
        self.free.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds one block of `2^order` frames to the free lists: a block that was taken, or memory that
    /// was not managed before.
    pub(crate) fn put_block(&self, first: FrameIndex, order: u32) {
        self.nodes[self.meta(first).node()].lock().put_block(&self.metas, first, order);
        self.free.fetch_add(1 << order, Ordering::Relaxed);
    }

    /// Checks that the free lists agree with the records. Returns the first frame that does not.
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
    /// Returns the lowest order, `order` or higher, that has a free block.
    fn smallest(&self, order: u32) -> Option<u32> {
        (order..=ORDER_MAX).find(|order| self.heads[*order as usize] != FrameIndex::NONE)
    }

    /// Takes a block of order `found`, and splits it until it has at most `wanted` frames.
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
