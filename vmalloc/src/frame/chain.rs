//! Frames on their way, linked through their records: taken, moved and handed on whole.

use super::meta::{FrameIndex, FrameMeta, FrameState};
use crate::tlb::Flushed;

/// Frames that were mapped or linked, and that a TLB may still know. They become a [`FrameChain`]
/// only in exchange for a [`Flushed`].
#[derive(Debug)]
#[must_use = "dropping lazy frames loses them"]
pub(crate) struct LazyFrames(FrameChain);

impl LazyFrames {
    pub(crate) const fn new() -> Self {
        Self(FrameChain::new())
    }

    pub(crate) fn push(&mut self, metas: &[FrameMeta], frame: FrameIndex) {
        self.0.push(metas, frame, FrameState::Lazy);
    }

    /// The frames, which no translation reaches any more.
    pub(crate) fn release(self, _flushed: &Flushed) -> FrameChain {
        self.0
    }
}

/// A run of frames that belongs to whoever holds it. Not `Clone`: a frame is in one place.
#[derive(Debug)]
#[must_use = "dropping a chain loses its frames"]
pub(crate) struct FrameChain {
    head: FrameIndex,
    tail: FrameIndex,
    count: u64,
}

impl FrameChain {
    /// A chain of nothing.
    pub(crate) const fn new() -> Self {
        Self { head: FrameIndex::NONE, tail: FrameIndex::NONE, count: 0 }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a frame at the end, in the given state.
    pub(crate) fn push(&mut self, metas: &[FrameMeta], frame: FrameIndex, state: FrameState) {
        let meta = &metas[frame.at()];
        meta.set_state(state);
        meta.set_next(FrameIndex::NONE);
        if self.count == 0 {
            self.head = frame;
        } else {
            metas[self.tail.at()].set_next(frame);
        }
        self.tail = frame;
        self.count += 1;
    }

    /// Takes the first frame off; its state is the taker's to set.
    pub(crate) fn pop(&mut self, metas: &[FrameMeta]) -> Option<FrameIndex> {
        if self.count == 0 {
            return None;
        }
        let frame = self.head;
        self.head = metas[frame.at()].next();
        self.count -= 1;
        Some(frame)
    }

    /// Adds another chain at the end, whole.
    pub(crate) fn append(&mut self, metas: &[FrameMeta], other: Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        metas[self.tail.at()].set_next(other.head);
        self.tail = other.tail;
        self.count += other.count;
    }

    /// The frames in order, still held.
    pub(crate) fn frames<'a>(
        &self,
        metas: &'a [FrameMeta],
    ) -> impl Iterator<Item = FrameIndex> + 'a {
        let (mut here, mut left) = (self.head, self.count);
        core::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let frame = here;
            here = metas[frame.at()].next();
            Some(frame)
        })
    }
}
