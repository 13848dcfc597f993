//! The public type for runs of frames.

use crate::page::Frame;

/// A run of physically adjacent frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRange {
    /// The first frame.
    pub start: Frame,
    /// The number of frames.
    pub count: u64,
    /// The NUMA node of the frames, below [`NODES`](crate::machine::NODES).
    pub node: u32,
}
