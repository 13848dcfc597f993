//! The origins of a compiler for the image.

use std::path::{Path, PathBuf};

const DEBIAN_BIN: &str = "/usr/bin";

/// The origin of a compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The compiler with which the tool itself was built.
    Active,
    /// Debian's packages, which may be installed in addition to rustup.
    Debian,
}

/// Returns the path of a program of Debian's packages.
pub(super) fn debian(program: &str) -> PathBuf {
    Path::new(DEBIAN_BIN).join(program)
}
