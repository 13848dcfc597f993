//! Physical frames: who has which, and where those come from that somebody wants.
//!
//! The records lie beside the memory, never inside it: a free frame's bytes are not touched, and a
//! stray write through an old mapping cannot corrupt a list. This module knows no virtual addresses.

pub(crate) mod buddy;
pub(crate) mod chain;
pub(crate) mod magazine;
pub(crate) mod meta;
pub(crate) mod supply;
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
    /// The NUMA node that they belong to, below [`NODES`](crate::NODES).
    pub node: u32,
}

pub(crate) use chain::{FrameChain, LazyFrames, along};
pub(crate) use meta::{FrameIndex, FrameState, Owners};
pub(crate) use supply::{Frames, Shortage, Wish};
