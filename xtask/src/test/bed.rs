//! The context of a layer: the checkout, the compiler of the image, and the runtime of the image.

use std::path::PathBuf;

use crate::build::{self, Image};
use crate::cli::WireOptions;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The context of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestBed<'a> {
    /// The checkout under test.
    pub(crate) workspace: &'a Workspace,
    /// The compiler of the image.
    pub(crate) toolchain: &'a Toolchain,
    /// The runtime of the images that the layer boots.
    pub(crate) runtime: Runtime,
    /// Minimum number of CPUs of guests to which clients connect.
    pub(crate) cpus: u32,
    /// The options for the layer `wire`.
    pub(crate) wire: WireOptions,
}

impl TestBed<'_> {
    /// Builds an image. Returns the path of its ELF file.
    pub(super) fn compile(&self, image: Image) -> anyhow::Result<PathBuf> {
        build::compile(self.workspace, self.toolchain, self.runtime, image)
    }
}
