//! Takes and returns frames: from the magazine of the CPU, from the pools of zeroed frames, and
//! from the buddy allocator.

use super::buddy::{Buddy, PART_FRAMES};
use super::magazine::Magazine;
use super::meta::{FrameIndex, FrameState};
use super::{FrameChain, FrameRange};
use crate::machine::{CpuId, NODES};
use crate::page::LARGE_PAGES;
use crate::raw::Slab;
use crate::sync::{AtomicU64, Mutex, Ordering};

/// The lowest limit of a magazine, in frames.
const MAGAZINE_MIN: u64 = 64;

/// The divisor of the limit of magazines: all magazines together hold at most 1/16 of all frames,
/// unless [`MAGAZINE_MIN`] is more.
const MAGAZINES_PART: u64 = 16;

/// The divisor of the limit of frames that are zeroed ahead of time: at most 1/8 of the free frames
/// outside magazines, so that most requests find plain frames, and large blocks stay whole.
const ZEROED_PART: u64 = 8;

/// The order of a block of 512 frames, which one large leaf maps.
const LARGE_ORDER: u32 = LARGE_PAGES.trailing_zeros();

/// The error when fewer frames are free than requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) requested: u64,
    pub(crate) available: u64,
}

/// The properties of the frames that a request needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameRequest {
    /// The NUMA node from which frames are taken first.
    pub(crate) node: usize,
    /// Whether the request names that node. If so, the magazine of the CPU is not used, because its
    /// frames may be of another node.
    pub(crate) named: bool,
    /// Whether frames of other nodes are refused.
    pub(crate) only: bool,
    /// Whether zeroed frames are preferred.
    pub(crate) zeroed: bool,
    /// The number of free frames that this request must leave.
    pub(crate) reserve: u64,
}

/// Frames that were taken for a request.
#[derive(Debug)]
#[must_use = "dropping frames loses them"]
pub(crate) struct Supply {
    /// Frames with undefined contents.
    pub(crate) plain: FrameChain,
    /// Frames that contain zeros only.
    pub(crate) zeroed: FrameChain,
}

/// All managed frames, and the caches in front of the buddy allocator.
#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) buddy: Buddy,
    magazines: Slab<Magazine>,
    magazine_limit: u64,
    zeroed: [Mutex<FrameChain>; NODES],
    /// The number of frames in the zeroed pools, for readers without a lock. The number may be
    /// outdated.
    zeroed_ready: AtomicU64,
    /// One more than the highest node that has frames.
    nodes: usize,
}

impl Frames {
    pub(crate) fn new(buddy: Buddy, magazines: Slab<Magazine>, total: u64, nodes: usize) -> Self {
        let limit = (total / MAGAZINES_PART / magazines.len() as u64).max(MAGAZINE_MIN);
        let zeroed = core::array::from_fn(|_| Mutex::new(FrameChain::new()));
        let zeroed_ready = AtomicU64::new(0);
        Self { buddy, magazines, magazine_limit: limit, zeroed, zeroed_ready, nodes }
    }

    /// Returns the number of nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    #[inline]
    fn magazine(&self, cpu: CpuId) -> &Magazine {
        &self.magazines[cpu.0 as usize]
    }

    /// Takes `count` frames, not necessarily adjacent ones.
    ///
    /// # Errors
    ///
    /// [`Shortage`] if fewer frames are free. Frames that were already taken are returned, but
    /// possibly to another list than before.
    #[inline]
    pub(crate) fn take(
        &self,
        cpu: CpuId,
        count: u64,
        wanted: &FrameRequest,
    ) -> Result<Supply, Shortage> {
        // While the buddy allocator alone has the reserve, every request may take frames of
        // magazines and zeroed pools.
        if self.buddy.free_count() < wanted.reserve {
            let available = self.free_count().saturating_sub(wanted.reserve);
            if available < count {
                return Err(Shortage { requested: count, available });
            }
        }
        if wanted.zeroed || wanted.named {
            return self.take_requested(cpu, count, wanted);
        }
        let plain = self.magazine(cpu).take(self.buddy.metas(), count);
        let supply = Supply { plain, zeroed: FrameChain::new() };
        if supply.plain.count() == count {
            return Ok(supply);
        }
        self.complete(cpu, count, wanted, supply)
    }

    /// Takes `count` frames of the CPU's magazine. Returns `None` if it has fewer.
    #[inline]
    pub(crate) fn take_ready(&self, cpu: CpuId, count: u64) -> Option<FrameChain> {
        self.magazine(cpu).take_all(self.buddy.metas(), count)
    }

    /// Takes frames for a request that prefers zeroed frames or names a node.
    #[inline(never)]
    fn take_requested(
        &self,
        cpu: CpuId,
        count: u64,
        wanted: &FrameRequest,
    ) -> Result<Supply, Shortage> {
        let metas = self.buddy.metas();
        let mut supply = Supply { plain: FrameChain::new(), zeroed: FrameChain::new() };
        if wanted.zeroed {
            supply.zeroed = self.zeroed[wanted.node].lock().split(metas, count);
            self.zeroed_ready.fetch_sub(supply.zeroed.count(), Ordering::Relaxed);
        }
        let missing = count - supply.zeroed.count();
        if !wanted.named && missing > 0 {
            supply.plain = self.magazine(cpu).take(metas, missing);
        }
        self.complete(cpu, count, wanted, supply)
    }

    /// Takes the missing frames, up to a total of `count`, from the buddy allocator. If it has too
    /// few, takes zeroed frames too, also for a request of plain frames.
    #[inline(never)]
    fn complete(
        &self,
        cpu: CpuId,
        count: u64,
        wanted: &FrameRequest,
        mut supply: Supply,
    ) -> Result<Supply, Shortage> {
        let metas = self.buddy.metas();
        let missing = count - supply.zeroed.count() - supply.plain.count();
        if missing == 0 {
            return Ok(supply);
        }
        let more = self.take_more(missing, wanted).or_else(|available| {
            let more = missing.saturating_sub(available);
            if !self.has_zeroed(more) {
                return Err(available);
            }
            let zeroed = self.take_zeroed(more, wanted);
            let is_enough = zeroed.count() == more;
            supply.zeroed.append(metas, zeroed);
            if is_enough { self.take_more(missing - more, wanted) } else { Err(available) }
        });
        match more {
            Ok(more) => {
                supply.plain.append(metas, more);
                Ok(supply)
            }
            Err(available) => {
                let available = available + supply.plain.count() + supply.zeroed.count();
                self.put(cpu, supply.plain);
                self.put_zeroed(supply.zeroed);
                Err(Shortage { requested: count, available })
            }
        }
    }

    /// Takes up to `count` frames from the zeroed pools, node by node.
    fn take_zeroed(&self, count: u64, wanted: &FrameRequest) -> FrameChain {
        let metas = self.buddy.metas();
        let mut chain = FrameChain::new();
        for node in self.nodes_for(wanted) {
            let taken = self.zeroed[node].lock().split(metas, count - chain.count());
            self.zeroed_ready.fetch_sub(taken.count(), Ordering::Relaxed);
            chain.append(metas, taken);
        }
        chain
    }

    /// Iterates over the nodes whose frames a request may have, the wanted one first.
    fn nodes_for(&self, wanted: &FrameRequest) -> impl Iterator<Item = usize> + use<> {
        let FrameRequest { node: first, only, .. } = *wanted;
        let others = (0..self.nodes).filter(move |node| *node != first && !only);
        core::iter::once(first).chain(others)
    }

    /// Returns the number of frames by which the zeroed pools may grow.
    pub(crate) fn zeroed_room(&self) -> u64 {
        let ready = self.zeroed_count();
        ((self.buddy.free_count() + ready) / ZEROED_PART).saturating_sub(ready)
    }

    /// Takes `count` frames from the buddy allocator, node by node. On a shortage returns the
    /// number of frames that were available.
    fn take_more(&self, count: u64, wanted: &FrameRequest) -> Result<FrameChain, u64> {
        let metas = self.buddy.metas();
        if wanted.reserve > 0 {
            let free = self.buddy.free_count().saturating_sub(wanted.reserve);
            if free < count {
                return Err(free);
            }
        }
        // Checked before the first frame is taken, so that a request that is much too large fails
        // immediately.
        let there =
            if wanted.only { self.buddy.free_on(wanted.node) } else { self.buddy.free_count() };
        if there < count {
            return Err(there);
        }
        let mut chain = FrameChain::new();
        for node in self.nodes_for(wanted) {
            while chain.count() < count {
                // The lock is released between parts, so that other CPUs can take and put frames.
                let part = (count - chain.count()).min(PART_FRAMES);
                let taken = self.buddy.take(node, part);
                let is_last = taken.count() < part;
                chain.append(metas, taken);
                if is_last {
                    break;
                }
            }
        }
        if chain.count() == count {
            return Ok(chain);
        }
        let available = chain.count();
        self.buddy.put(chain);
        Err(available)
    }

    /// Returns single frames. With one node they go to the magazine of the CPU; with several nodes
    /// each goes to the buddy lists of its node.
    pub(crate) fn put(&self, cpu: CpuId, chain: FrameChain) {
        if chain.count() == 0 {
            return;
        }
        if self.nodes > 1 {
            self.buddy.put(chain);
            return;
        }
        let limit = self.magazine_limit;
        self.buddy.put(self.magazine(cpu).put(self.buddy.metas(), chain, limit));
    }

    /// Returns frames that contain zeros only, to the zeroed pools of their nodes.
    pub(crate) fn put_zeroed(&self, mut chain: FrameChain) {
        let metas = self.buddy.metas();
        // Relaxed: the number may be outdated when it is read. It is raised before the frames are
        // added, so that a CPU that takes them cannot lower it below 0.
        self.zeroed_ready.fetch_add(chain.count(), Ordering::Relaxed);
        if self.nodes == 1 {
            self.zeroed[0].lock().append(metas, chain);
            return;
        }
        while let Some(frame) = chain.pop(metas) {
            self.zeroed[self.buddy.meta(frame).node()].lock().push(metas, frame, 1);
        }
    }

    /// Returns all frames of magazines and zeroed pools to the buddy allocator, which merges them.
    pub(crate) fn drain(&self) {
        for magazine in self.magazines.iter() {
            self.buddy.put(magazine.drain());
        }
        for zeroed in &self.zeroed {
            let chain = core::mem::replace(&mut *zeroed.lock(), FrameChain::new());
            self.zeroed_ready.fetch_sub(chain.count(), Ordering::Relaxed);
            self.buddy.put(chain);
        }
    }

    /// Returns the number of frames that may stay with the areas of one pool. It is twice the limit
    /// of a magazine, so that requests of many lengths find an area with frames. With several nodes
    /// it is 0, because a pool does not know nodes.
    pub(crate) fn rest_limit(&self) -> u64 {
        if self.nodes == 1 { 2 * self.magazine_limit } else { 0 }
    }

    /// Takes `count` adjacent frames, a power of two, for the kernel itself, from any node. Leaves
    /// `reserve` frames in the buddy allocator.
    pub(crate) fn take_run(&self, count: u64, reserve: u64) -> Result<FrameRange, Shortage> {
        let order = count.trailing_zeros();
        let free = self.buddy.free_count();
        let may_take = reserve == 0 || free >= count.saturating_add(reserve);
        let take = |node| self.buddy.take_block(node, order, FrameState::Heap);
        let block = (0..self.nodes).filter(|_| may_take).find_map(take);
        let available = free.saturating_sub(reserve);
        let block = block.ok_or(Shortage { requested: count, available })?;
        #[expect(clippy::cast_possible_truncation, reason = "nodes are few")]
        let node = self.buddy.meta(block).node() as u32;
        Ok(FrameRange { start: self.buddy.frame(block), count, node })
    }

    /// Takes up to `count` blocks of 512 adjacent frames.
    pub(crate) fn take_large(&self, count: u64, wanted: &FrameRequest) -> FrameChain {
        let mut blocks = FrameChain::new();
        for node in self.nodes_for(wanted) {
            while blocks.count() < count * LARGE_PAGES {
                let needed = wanted.reserve.saturating_add(LARGE_PAGES);
                if wanted.reserve > 0 && self.buddy.free_count() < needed {
                    return blocks;
                }
                let Some(block) = self.buddy.take_block(node, LARGE_ORDER, FrameState::Taken)
                else {
                    break;
                };
                self.buddy.meta(block).set_state(FrameState::Large);
                blocks.push(self.buddy.metas(), block, LARGE_PAGES);
            }
        }
        blocks
    }

    /// Returns blocks of 512 frames to the buddy allocator.
    pub(crate) fn put_large(&self, mut blocks: FrameChain) {
        while let Some(block) = blocks.pop_block(self.buddy.metas()) {
            self.buddy.put_block(block, LARGE_ORDER);
        }
    }

    /// Returns whether the zeroed pools have `count` frames. The answer may be outdated.
    #[inline]
    pub(crate) fn has_zeroed(&self, count: u64) -> bool {
        self.zeroed_ready.load(Ordering::Relaxed) >= count
    }

    /// Returns the number of frames in the zeroed pools.
    pub(crate) fn zeroed_count(&self) -> u64 {
        self.zeroed.iter().map(|zeroed| zeroed.lock().count()).sum()
    }

    /// Returns the number of frames in magazines and zeroed pools.
    pub(crate) fn waiting(&self) -> u64 {
        self.magazines.iter().map(Magazine::count).sum::<u64>() + self.zeroed_count()
    }

    /// Returns the number of free frames, without those that areas in pools have kept.
    pub(crate) fn free_count(&self) -> u64 {
        self.buddy.free_count() + self.waiting()
    }

    /// Returns the number of free frames of one node. With several nodes, magazines are empty.
    pub(crate) fn free_on(&self, node: usize) -> u64 {
        if self.nodes == 1 {
            return if node == 0 { self.free_count() } else { 0 };
        }
        let zeroed = self.zeroed[node].lock().count();
        self.buddy.free_on(node) + zeroed
    }

    /// Calls `each` with every frame in a magazine or a zeroed pool.
    pub(crate) fn each_waiting(&self, mut each: impl FnMut(FrameIndex)) {
        for magazine in self.magazines.iter() {
            magazine.each(self.buddy.metas(), &mut each);
        }
        for zeroed in &self.zeroed {
            zeroed.lock().frames(self.buddy.metas()).for_each(&mut each);
        }
    }
}
