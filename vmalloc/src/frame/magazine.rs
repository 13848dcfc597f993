//! Single frames that a CPU keeps at hand: the last ones freed are the first ones taken.
//!
//! A CPU number is a hint. Every magazine has its own lock, so any CPU can empty any of them.

use super::FrameChain;
use super::meta::{FrameIndex, FrameMeta};
use crate::sync::Mutex;

/// The frames of one CPU.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Magazine(Mutex<FrameChain>);

impl Magazine {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(FrameChain::new()))
    }

    /// How many it holds.
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().count()
    }

    /// Takes up to `count` frames.
    #[inline]
    pub(crate) fn take(&self, metas: &[FrameMeta], count: u64) -> FrameChain {
        self.0.lock().split(metas, count)
    }

    /// Takes `count` frames, or an empty chain.
    #[inline]
    pub(crate) fn take_all(&self, metas: &[FrameMeta], count: u64) -> Option<FrameChain> {
        let mut held = self.0.lock();
        if held.count() < count {
            return None;
        }
        Some(held.part(metas, count))
    }

    /// Puts a chain in front, and returns the part by which more than `limit` would be held.
    pub(crate) fn put(&self, metas: &[FrameMeta], mut chain: FrameChain, limit: u64) -> FrameChain {
        let mut held = self.0.lock();
        let room = limit.saturating_sub(held.count());
        // Counted from the front: the rest that is kept may be long, and need not be walked over.
        let surplus = chain.split(metas, chain.count().saturating_sub(room));
        held.append(metas, chain);
        surplus
    }

    /// Empties it.
    pub(crate) fn drain(&self) -> FrameChain {
        core::mem::replace(&mut self.0.lock(), FrameChain::new())
    }

    /// Calls `each` with every frame that it holds.
    pub(crate) fn each(&self, metas: &[FrameMeta], each: impl FnMut(FrameIndex)) {
        self.0.lock().frames(metas).for_each(each);
    }
}
