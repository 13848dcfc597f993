//! Caches single frames for each CPU. The frames that were freed last are taken first, because they
//! may still be in the data cache.
//!
//! Every magazine has a lock of its own, so any CPU may use any magazine. The CPU number only
//! selects the one that is rarely contended.

use super::FrameChain;
use super::meta::{FrameIndex, FrameMeta};
use crate::sync::Mutex;

/// The cached frames of one CPU.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Magazine(Mutex<FrameChain>);

impl Magazine {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(FrameChain::new()))
    }

    /// Returns the number of cached frames.
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().count()
    }

    /// Takes up to `count` frames.
    #[inline]
    pub(crate) fn take(&self, metas: &[FrameMeta], count: u64) -> FrameChain {
        self.0.lock().split(metas, count)
    }

    /// Takes `count` frames. Returns `None`, without an effect, if there are fewer.
    #[inline]
    pub(crate) fn take_all(&self, metas: &[FrameMeta], count: u64) -> Option<FrameChain> {
        let mut held = self.0.lock();
        if held.count() < count {
            return None;
        }
        Some(held.part(metas, count))
    }

    /// Adds the frames of a chain, up to a total of `limit` frames, and returns the surplus.
    pub(crate) fn put(&self, metas: &[FrameMeta], mut chain: FrameChain, limit: u64) -> FrameChain {
        let mut held = self.0.lock();
        let room = limit.saturating_sub(held.count());
        // The surplus is cut off the front, because following the links of the kept frames could
        // take long.
        let surplus = chain.split(metas, chain.count().saturating_sub(room));
        held.append(metas, chain);
        surplus
    }

    /// Takes all frames.
    pub(crate) fn drain(&self) -> FrameChain {
        core::mem::replace(&mut self.0.lock(), FrameChain::new())
    }

    /// Calls `each` with every cached frame.
    pub(crate) fn each(&self, metas: &[FrameMeta], each: impl FnMut(FrameIndex)) {
        self.0.lock().frames(metas).for_each(each);
    }
}
