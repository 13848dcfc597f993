//! Physical frames: the owner of each, and the supply of free ones.
//!
//! The records lie beside the memory, never inside it: a free frame's bytes are not touched, and a
//! stray write through an old mapping cannot corrupt a list. This module knows no virtual addresses.

pub(crate) mod buddy;
pub(crate) mod chain;
pub(crate) mod magazine;
pub(crate) mod meta;
mod range;
pub(crate) mod supply;
#[cfg(test)]
mod tests;

pub(crate) use chain::{FrameChain, LazyFrames, along};
pub(crate) use meta::{FrameIndex, FrameState, Owners};
pub use range::FrameRange;
pub(crate) use supply::{FrameRequest, Frames, Shortage};
