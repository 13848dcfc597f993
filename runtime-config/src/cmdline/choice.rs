//! The choices `vm.…=word` of the command line. The image translates them into the library's modes.

/// `vm.flush`: when TLB entries of freed regions are flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Later, by one flush that many frees share.
    Lazy,
    /// Immediately, by a flush for every free.
    Eager,
}

/// `vm.frames`: when the frames of freed regions may be reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// After the flush.
    Strict,
    /// Before the flush, as in Linux.
    Linux,
}

/// `vm.realloc`: how the library moves a region that cannot grow in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realloc {
    /// The page-table entries are moved, and the frames stay the same.
    Move,
    /// The bytes are copied into new frames.
    Copy,
}

/// `vm.pools`: whether freed areas are cached in pools by exact size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pools {
    /// Freed areas are cached in pools.
    On,
    /// Every area is taken from the tree of free addresses.
    Off,
}
