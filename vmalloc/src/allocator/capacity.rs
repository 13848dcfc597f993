//! The most memory that a window could ever provide: with all frames free.

use crate::frame::FrameRange;
use crate::frame::buddy::ORDER_MAX;
use crate::machine::NODES;
use crate::page::{LARGE_PAGES, PAGE_BYTES};

/// The free memory after set-up, by NUMA node. A request that needs more can never be served.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Capacity {
    frames: [u64; NODES],
    /// The number of aligned blocks of 512 frames, or more.
    larges: [u64; NODES],
    /// The order of the largest aligned block, or more.
    order: u32,
}

impl Capacity {
    /// Counts the frames and blocks of a list of runs that do not overlap.
    pub(super) fn of(runs: impl Iterator<Item = FrameRange> + Clone) -> Self {
        let mut capacity = Self::default();
        for run in runs.clone() {
            // A block may lie in two adjacent runs.
            let is_joined = runs.clone().any(|before| first(&before) + before.count == first(&run));
            let node = run.node as usize;
            capacity.frames[node] += run.count;
            capacity.larges[node] += blocks(&run, LARGE_PAGES) + u64::from(is_joined);
            let orders = capacity.order..=ORDER_MAX;
            let order = orders.rev().find(|order| is_joined || blocks(&run, 1 << order) > 0);
            capacity.order = order.unwrap_or(capacity.order);
        }
        capacity
    }

    /// Subtracts frames of a node that are taken for good.
    pub(super) fn without(mut self, node: u32, frames: u64) -> Self {
        self.frames[node as usize] -= frames;
        self
    }

    /// Returns the number of frames of one node, or of all nodes.
    pub(super) fn frames(&self, only: Option<usize>) -> u64 {
        only.map_or_else(|| self.frames.iter().sum(), |node| self.frames[node])
    }

    /// Returns the highest possible number of blocks of 512 frames on one node, or on all nodes.
    pub(super) fn larges(&self, only: Option<usize>) -> u64 {
        only.map_or_else(|| self.larges.iter().sum(), |node| self.larges[node])
    }

    /// Returns the number of frames of the largest possible block.
    pub(super) fn longest_run(&self) -> u64 {
        1 << self.order
    }
}

/// Returns the number of blocks of `size` frames, at multiples of `size`, that lie in a run.
fn blocks(run: &FrameRange, size: u64) -> u64 {
    ((first(run) + run.count) / size).saturating_sub(first(run).div_ceil(size))
}

/// Returns the number of the first frame of a run.
fn first(run: &FrameRange) -> u64 {
    run.start.start_address().as_u64() / PAGE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Frame;
    use x86_64::PhysAddr;

    fn run(first: u64, count: u64, node: u32) -> FrameRange {
        let start = Frame::containing_address(PhysAddr::new(first * PAGE_BYTES));
        FrameRange { start, count, node }
    }

    #[test]
    fn blocks_are_counted_at_their_alignment() {
        let capacity = Capacity::of([run(513, 1_534, 0), run(4_096, 600, 1)].into_iter());
        assert_eq!((capacity.frames(None), capacity.frames(Some(1))), (2_134, 600));
        assert_eq!((capacity.larges(Some(0)), capacity.larges(Some(1))), (1, 1));
        assert_eq!((capacity.larges(None), capacity.longest_run()), (2, 512));
        assert_eq!(Capacity::of([run(5, 4, 0)].into_iter()).longest_run(), 2);
        assert_eq!(Capacity::of([run(1_024, 5_000, 0)].into_iter()).longest_run(), 1_024);
        assert_eq!(Capacity::of(core::iter::empty()).longest_run(), 1);
    }

    #[test]
    fn a_block_may_lie_in_two_runs() {
        let capacity = Capacity::of([run(768, 256, 0), run(512, 256, 0)].into_iter());
        assert!(capacity.larges(None) >= 1 && capacity.longest_run() >= 512);
    }
}
