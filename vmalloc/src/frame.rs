//! Physical frames: who has which, and a buddy allocator for those that nobody has.
//!
//! The records lie beside the memory, never inside it: a free frame's bytes are not touched, and a
//! stray write through an old mapping cannot corrupt a list. This module knows no virtual addresses.

pub(crate) mod buddy;
pub(crate) mod chain;
pub(crate) mod meta;
#[cfg(test)]
mod tests;

use crate::page::Frame;

/// A run of physically adjacent frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRange {
    /// The first frame.
    pub start: Frame,
    /// How many.
    pub count: u64,
}

pub(crate) use buddy::{Buddy, Shortage};
pub(crate) use chain::{FrameChain, LazyFrames};
pub(crate) use meta::{FrameIndex, FrameState};
