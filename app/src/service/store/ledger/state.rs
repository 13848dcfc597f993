//! Whether a region may be used.

/// Whether a region may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(in crate::service) enum State {
    /// It is being made, or is on its way out: for all commands it is not there.
    Fresh = 1,
    /// It may be used.
    Ready,
    /// It is being resized: asked again later, it can be used.
    Changing,
}
