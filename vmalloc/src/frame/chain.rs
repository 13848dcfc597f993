//! Frames on their way, linked through their records: taken, moved and handed on whole.

use super::meta::{FrameIndex, FrameMeta, FrameState};
use crate::page::LARGE_PAGES;
use crate::tlb::Flushed;

/// Frames that were mapped, and that a TLB may still know. They become a [`FrameChain`] only in
/// exchange for a [`Flushed`].
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

    /// Adds others at the front, whole.
    pub(crate) fn append(&mut self, metas: &[FrameMeta], other: Self) {
        self.0.append(metas, other.0);
    }

    /// Adds neighbouring frames at the front, the lowest first.
    #[inline]
    pub(crate) fn push_run(&mut self, metas: &[FrameMeta], first: FrameIndex, count: usize) {
        self.0.push_run(metas, first, count);
    }

    /// The ends, to be noted in a slot until [`noted`](Self::noted) puts them together again.
    #[inline]
    pub(crate) fn note(self) -> (FrameIndex, FrameIndex) {
        self.0.note()
    }

    /// The chain of `count` frames whose ends were noted.
    #[inline]
    pub(crate) fn noted((head, tail): (FrameIndex, FrameIndex), count: u64) -> Self {
        Self(FrameChain::noted((head, tail), count))
    }

    /// The frames, which no translation reaches any more.
    #[inline]
    pub(crate) fn release(self, _flushed: &Flushed) -> FrameChain {
        self.0
    }

    /// The frames, which translations may still reach: as Linux does it, for comparison only.
    pub(crate) fn release_unflushed(self) -> FrameChain {
        self.0
    }

    /// The first frames of what is held, for the audit.
    pub(crate) fn frames<'a>(
        &self,
        metas: &'a [FrameMeta],
    ) -> impl Iterator<Item = FrameIndex> + 'a {
        self.0.frames(metas)
    }
}

/// Calls `each` with every one of `places` and the frame that it gets, by its place in `metas`, of those
/// linked from `head` on. Returns the frame behind them.
///
/// Most frames are followed by their neighbours in memory. Comparing with the neighbour instead of
/// following the link keeps one frame's load from waiting for the one before.
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

/// Frames that belong to the owner of the chain. Not `Clone`: a frame is in one place.
#[derive(Debug)]
#[must_use = "dropping a chain loses its frames"]
pub(crate) struct FrameChain {
    head: FrameIndex,
    tail: FrameIndex,
    count: u64,
}

impl FrameChain {
    /// Makes an empty chain.
    pub(crate) const fn new() -> Self {
        Self { head: FrameIndex::NONE, tail: FrameIndex::NONE, count: 0 }
    }

    /// The ends, to be noted in the slot of an area at rest.
    #[inline]
    pub(crate) fn note(self) -> (FrameIndex, FrameIndex) {
        (self.head, self.tail)
    }

    /// The ends, while the frames stay where they are: a chain that is mapped keeps its links.
    #[inline]
    pub(crate) fn ends(&self) -> (FrameIndex, FrameIndex) {
        (self.head, self.tail)
    }

    /// The chain of `count` frames whose ends were noted.
    #[inline]
    pub(crate) fn noted((head, tail): (FrameIndex, FrameIndex), count: u64) -> Self {
        let count = if head == FrameIndex::NONE { 0 } else { count };
        Self { head, tail, count }
    }

    /// How many frames, those inside large blocks too.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a frame at the front, which may stand for a block of `count`.
    #[inline]
    pub(crate) fn push(&mut self, metas: &[FrameMeta], frame: FrameIndex, count: u64) {
        if self.count == 0 {
            self.tail = frame;
        }
        metas[frame.at()].set_next(self.head);
        self.head = frame;
        self.count += count;
    }

    /// Adds neighbouring frames at the front, the lowest first.
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

    /// Takes a frame off for each of `places` and calls `each` with both, the frame by its place in
    /// `metas`, for a chain that has no blocks. The links stay as they are.
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

    /// Takes the first frame off a chain that has no blocks.
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

    /// Removes the first block of 512 frames and returns its first frame, or `None` if the chain is empty. The
    /// chain must contain no single frames.
    pub(crate) fn pop_block(&mut self, metas: &[FrameMeta]) -> Option<FrameIndex> {
        if self.count == 0 {
            return None;
        }
        let block = self.head;
        self.head = metas[block.at()].next();
        self.count -= LARGE_PAGES;
        Some(block)
    }

    /// Parts single frames from the blocks of 512.
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

    /// Takes the first `count` frames off a chain that has no blocks.
    ///
    /// # Complexity
    ///
    /// O(count), but for a whole chain.
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

    /// Takes the first `count` frames off a chain that has no blocks and is not shorter.
    #[inline]
    pub(crate) fn part(&mut self, metas: &[FrameMeta], count: u64) -> Self {
        let head = self.head;
        let tail = if count == 1 { head } else { self.follow(metas, count - 1) };
        self.head = metas[tail.at()].next();
        self.count -= count;
        Self { head, tail, count }
    }

    /// The frame behind `links` links, found as in [`along`].
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

    /// Adds another chain at the front, whole.
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

    /// The frames in order, still held; of a block the first frame only.
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
