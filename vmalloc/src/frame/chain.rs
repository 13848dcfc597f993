//! Chains of frames that are in no free list, linked through the frame records. A chain is moved as
//! a whole in constant time.

use super::meta::{FrameIndex, FrameMeta, FrameState};
use crate::page::LARGE_PAGES;
use crate::tlb::Flushed;

/// Frames that were mapped and that a TLB may still hold. Such frames become a [`FrameChain`] only
/// in exchange for a [`Flushed`], the proof that every CPU has flushed.
#[derive(Debug)]
#[must_use = "dropping lazy frames loses them"]
pub(crate) struct LazyFrames(FrameChain);

impl LazyFrames {
    pub(crate) const fn new() -> Self {
        Self(FrameChain::new())
    }

    pub(crate) fn push(&mut self, metas: &[FrameMeta], frame: FrameIndex, count: u64) {
        self.0.push(metas, frame, count);
    }

    /// Adds all frames of another chain at the front.
    pub(crate) fn append(&mut self, metas: &[FrameMeta], other: Self) {
        self.0.append(metas, other.0);
    }

    /// Adds `count` adjacent frames at the front. `first` is the lowest one and becomes the first
    /// of the chain.
    #[inline]
    pub(crate) fn push_run(&mut self, metas: &[FrameMeta], first: FrameIndex, count: usize) {
        self.0.push_run(metas, first, count);
    }

    /// Returns the first and the last frame, to be recorded in a slot. [`noted`](Self::noted) makes
    /// the chain again from them.
    #[inline]
    pub(crate) fn note(self) -> (FrameIndex, FrameIndex) {
        self.0.note()
    }

    /// Makes the chain of `count` frames again whose first and last frame were recorded.
    #[inline]
    pub(crate) fn noted((head, tail): (FrameIndex, FrameIndex), count: u64) -> Self {
        Self(FrameChain::noted((head, tail), count))
    }

    /// Returns the frames as free to reuse: `_flushed` proves that no translation reaches them.
    #[inline]
    pub(crate) fn release(self, _flushed: &Flushed) -> FrameChain {
        self.0
    }

    /// Returns the frames although translations may still reach them. Linux does so too; used only
    /// for comparison.
    pub(crate) fn release_unflushed(self) -> FrameChain {
        self.0
    }

    /// Iterates over the frames without taking them, for the audit. Of a block of 512 frames only
    /// the first is returned.
    pub(crate) fn frames<'a>(
        &self,
        metas: &'a [FrameMeta],
    ) -> impl Iterator<Item = FrameIndex> + 'a {
        self.0.frames(metas)
    }
}

/// Calls `each` with every element of `places` and the index in `metas` of the next frame of the
/// chain that starts at `head`. Returns the frame after the last one used.
///
/// Most frames of a chain are adjacent in memory. So the loop assumes that the next frame is the
/// adjacent one and checks the link afterwards. The CPU then need not wait for the load of one
/// record before it starts the next load.
#[inline(always)]
pub(crate) fn along<T>(
    metas: &[FrameMeta],
    head: FrameIndex,
    places: &[T],
    each: impl Fn(&T, usize),
) -> FrameIndex {
    let (mut here, mut rest) = (head, places);
    while !rest.is_empty() {
        let first = here.at();
        let run = rest.len().min(metas.len() - first);
        let mut done = 0;
        for (place, meta) in rest[..run].iter().zip(&metas[first..first + run]) {
            each(place, first + done);
            done += 1;
            if meta.next().at().wrapping_sub(first) != done {
                break;
            }
        }
        here = metas[first + done - 1].next();
        rest = &rest[done..];
    }
    here
}

/// Frames that belong to the owner of the chain. Not `Clone`, so that a frame is in one chain only.
#[derive(Debug)]
#[must_use = "dropping a chain loses its frames"]
pub(crate) struct FrameChain {
    head: FrameIndex,
    tail: FrameIndex,
    count: u64,
}

impl FrameChain {
    /// Creates an empty chain.
    pub(crate) const fn new() -> Self {
        Self { head: FrameIndex::NONE, tail: FrameIndex::NONE, count: 0 }
    }

    /// Returns the first and the last frame, to be recorded in a slot. [`noted`](Self::noted) makes
    /// the chain again from them.
    #[inline]
    pub(crate) fn note(self) -> (FrameIndex, FrameIndex) {
        (self.head, self.tail)
    }

    /// Returns the first and the last frame without consuming the chain. Mapping the frames does
    /// not change the links between them.
    #[inline]
    pub(crate) fn ends(&self) -> (FrameIndex, FrameIndex) {
        (self.head, self.tail)
    }

    /// Makes the chain of `count` frames again whose first and last frame were recorded.
    #[inline]
    pub(crate) fn noted((head, tail): (FrameIndex, FrameIndex), count: u64) -> Self {
        let count = if head == FrameIndex::NONE { 0 } else { count };
        Self { head, tail, count }
    }

    /// Returns the number of frames. A block of 512 counts as 512.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a frame at the front. If `count` is 512, `frame` is the first frame of a block of 512.
    #[inline]
    pub(crate) fn push(&mut self, metas: &[FrameMeta], frame: FrameIndex, count: u64) {
        if self.count == 0 {
            self.tail = frame;
        }
        metas[frame.at()].set_next(self.head);
        self.head = frame;
        self.count += count;
    }

    /// Adds `count` adjacent frames at the front. `first` is the lowest one and becomes the first
    /// of the chain.
    #[inline]
    fn push_run(&mut self, metas: &[FrameMeta], first: FrameIndex, count: usize) {
        let run = &metas[first.at()..first.at() + count];
        let Some((last, before)) = run.split_last() else { return };
        for (meta, next) in before.iter().zip(first.0 + 1..) {
            meta.set_next(FrameIndex(next));
        }
        last.set_next(self.head);
        if self.count == 0 {
            #[expect(clippy::cast_possible_truncation, reason = "frames are numbered in 32 bits")]
            let more = before.len() as u32;
            self.tail = FrameIndex(first.0 + more);
        }
        self.head = first;
        self.count += count as u64;
    }

    /// Removes one frame for each element of `places`, and calls `each` with the element and the
    /// index of the frame in `metas`. The chain must contain no blocks. The links between the
    /// removed frames stay.
    #[inline]
    pub(crate) fn pop_each<T>(
        &mut self,
        metas: &[FrameMeta],
        places: &[T],
        each: impl Fn(&T, usize),
    ) {
        let left = self.count.checked_sub(places.len() as u64);
        self.count = left.expect("one frame was taken for each page");
        self.head = along(metas, self.head, places, each);
    }

    /// Removes the first frame and returns it, or `None` if the chain is empty. The chain must
    /// contain no blocks.
    #[inline(always)]
    pub(crate) fn pop(&mut self, metas: &[FrameMeta]) -> Option<FrameIndex> {
        if self.count == 0 {
            return None;
        }
        let frame = self.head;
        self.head = metas[frame.at()].next();
        self.count -= 1;
        Some(frame)
    }

    /// Removes the first block of 512 frames and returns its first frame, or `None` if the chain is
    /// empty. The chain must contain no single frames.
    pub(crate) fn pop_block(&mut self, metas: &[FrameMeta]) -> Option<FrameIndex> {
        if self.count == 0 {
            return None;
        }
        let block = self.head;
        self.head = metas[block.at()].next();
        self.count -= LARGE_PAGES;
        Some(block)
    }

    /// Removes all blocks of 512 frames but `kept` ones, and returns them. The chain must contain no
    /// single frames.
    pub(crate) fn split_blocks(&mut self, metas: &[FrameMeta], kept: u64) -> Self {
        let mut removed = Self::new();
        while self.count > kept * LARGE_PAGES
            && let Some(block) = self.pop_block(metas)
        {
            removed.push(metas, block, LARGE_PAGES);
        }
        removed
    }

    /// Splits the chain into its single frames and its blocks of 512 frames.
    pub(crate) fn without_blocks(self, metas: &[FrameMeta]) -> (Self, Self) {
        let (mut singles, mut blocks) = (Self::new(), Self::new());
        let Self { head: mut here, mut count, .. } = self;
        while count > 0 {
            let meta = &metas[here.at()];
            let next = meta.next();
            if meta.state() == FrameState::Large {
                blocks.push(metas, here, LARGE_PAGES);
                count -= LARGE_PAGES;
            } else {
                singles.push(metas, here, 1);
                count -= 1;
            }
            here = next;
        }
        (singles, blocks)
    }

    /// Removes the first `count` frames, or all frames if there are fewer, and returns them as a
    /// chain. The chain must contain no blocks.
    ///
    /// # Complexity
    ///
    /// O(count); O(1) if all frames are removed.
    #[inline]
    pub(crate) fn split(&mut self, metas: &[FrameMeta], count: u64) -> Self {
        if count == 0 {
            return Self::new();
        }
        if count >= self.count {
            return core::mem::replace(self, Self::new());
        }
        self.part(metas, count)
    }

    /// Removes the first `count` frames and returns them as a chain. The chain must have at least
    /// `count` frames and no blocks.
    #[inline]
    pub(crate) fn part(&mut self, metas: &[FrameMeta], count: u64) -> Self {
        let head = self.head;
        let tail = if count == 1 { head } else { self.follow(metas, count - 1) };
        self.head = metas[tail.at()].next();
        self.count -= count;
        Self { head, tail, count }
    }

    /// Returns the frame that is reached after `links` links from the first one. Assumes adjacent
    /// frames as [`along`] does.
    fn follow(&self, metas: &[FrameMeta], links: u64) -> FrameIndex {
        #[expect(clippy::cast_possible_truncation, reason = "frames are numbered in 32 bits")]
        let (mut here, mut left) = (self.head, links as usize);
        while left > 0 {
            let first = here.at();
            let run = left.min(metas.len() - first);
            let mut frame = first;
            for meta in &metas[first..first + run] {
                frame += 1;
                if meta.next().at() != frame {
                    break;
                }
            }
            here = metas[frame - 1].next();
            left -= frame - first;
        }
        here
    }

    /// Adds all frames of another chain at the front.
    #[inline]
    pub(crate) fn append(&mut self, metas: &[FrameMeta], other: Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        metas[other.tail.at()].set_next(self.head);
        self.head = other.head;
        self.count += other.count;
    }

    /// Iterates over the frames in order without removing them. Of a block only the first frame is
    /// returned.
    pub(crate) fn frames<'a>(
        &self,
        metas: &'a [FrameMeta],
    ) -> impl Iterator<Item = FrameIndex> + 'a {
        let (mut here, last) = (self.head, self.tail);
        let mut is_over = self.count == 0;
        core::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let frame = here;
            is_over = frame == last;
            here = metas[frame.at()].next();
            Some(frame)
        })
    }
}
