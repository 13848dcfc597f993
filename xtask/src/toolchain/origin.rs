//! The places where a compiler of the image can come from.

use std::path::{Path, PathBuf};

const DEBIAN_BIN: &str = "/usr/bin";

/// The source of a compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The compiler of the host tool.
    Active,
    /// Debian's packages, beside a rustup.
    Debian,
}

/// Returns the path of a program of Debian's packages.
pub(super) fn debian(program: &str) -> PathBuf {
    Path::new(DEBIAN_BIN).join(program)
}
