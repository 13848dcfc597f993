//! The state of a region.

/// Tells whether a region may be used by clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(in crate::service) enum State {
    /// The region is being allocated or freed. Commands treat it as if it did not exist.
    Fresh = 1,
    /// The region may be used.
    Ready,
    /// The region is being changed. It can be used again when the change ends.
    Changing,
}
