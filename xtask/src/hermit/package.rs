//! The package that the kernel is adapted from.

/// The package in the registry.
pub(super) const PACKAGE: &str = "hermit-kernel";
/// The only version that the table of changes is written for.
pub(super) const VERSION: &str = "0.11.0";
