//! The target of the image.

/// The target that every compiler of the image must support.
pub(crate) const TARGET: &str = "x86_64-unknown-none";
