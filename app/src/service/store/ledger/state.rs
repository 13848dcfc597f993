//! The state of a region.

/// Whether a region may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(in crate::service) enum State {
    /// The region is being allocated or freed. For all commands it does not exist.
    Fresh = 1,
    /// The region may be used.
    Ready,
    /// The region is being changed. It can be used when the change ends.
    Changing,
}
