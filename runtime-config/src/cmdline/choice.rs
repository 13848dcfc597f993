//! What can be chosen of the library: `vm.…=word`. The image turns these into the library's modes.

/// `vm.flush`: when what is freed is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Many frees share a flush.
    Lazy,
    /// Every free flushes.
    Eager,
}

/// `vm.frames`: when the frames of what is freed may be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// After the flush.
    Strict,
    /// At once, as Linux has it.
    Linux,
}

/// `vm.realloc`: how a region gets to a new place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realloc {
    /// Its page-table entries move.
    Move,
    /// Its bytes are copied.
    Copy,
}

/// `vm.pools`: whether freed areas rest in pools of exact sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pools {
    /// They do.
    On,
    /// Every area comes from the tree of free addresses.
    Off,
}
