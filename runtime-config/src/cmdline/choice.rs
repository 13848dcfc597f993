//! The choices `vm.…=word` of the command line. The image translates them into the library's modes.

/// `vm.flush`: when freed regions are flushed from the TLBs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Many frees share a flush.
    Lazy,
    /// Every free flushes.
    Eager,
}

/// `vm.frames`: when the frames of freed regions are reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// After the flush.
    Strict,
    /// Before the flush, as in Linux.
    Linux,
}

/// `vm.realloc`: how a region is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realloc {
    /// Its page-table entries move.
    Move,
    /// Its bytes are copied.
    Copy,
}

/// `vm.pools`: whether freed areas are cached in pools by exact size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pools {
    /// Freed areas are cached in pools.
    On,
    /// Every area comes from the tree of free addresses.
    Off,
}
