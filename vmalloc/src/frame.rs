//! Manages the physical frames of the window: the state of each frame, and the lists of free
//! frames.
//!
//! Every frame has a record outside the frame. So the crate never accesses the bytes of a free
//! frame, and a stray write through an old mapping cannot corrupt a list. This module knows no
//! virtual addresses.

pub(crate) mod buddy;
pub(crate) mod chain;
pub(crate) mod magazine;
pub(crate) mod meta;
mod range;
pub(crate) mod runs;
pub(crate) mod supply;
#[cfg(test)]
mod tests;

pub(crate) use chain::{FrameChain, LazyFrames, along};
pub(crate) use meta::{FrameIndex, FrameState};
pub use range::FrameRange;
pub(crate) use supply::{FrameRequest, Frames, Shortage};
