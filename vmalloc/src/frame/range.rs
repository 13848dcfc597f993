//! Runs of frames.

use crate::page::Frame;

/// A run of physically adjacent frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRange {
    /// The first frame.
    pub start: Frame,
    /// How many.
    pub count: u64,
    /// The NUMA node that they belong to, below [`NODES`](crate::machine::NODES).
    pub node: u32,
}
