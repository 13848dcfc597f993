//! The context of a layer: the checkout, the compiler of the image, and the runtime below it.

use std::path::PathBuf;

use crate::build::{self, Image};
use crate::cli::WireOptions;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The context of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestBed<'a> {
    /// The checkout.
    pub(crate) workspace: &'a Workspace,
    /// The compiler of the image.
    pub(crate) toolchain: &'a Toolchain,
    /// The runtime of the images that are booted.
    pub(crate) runtime: Runtime,
    /// The fewest CPUs of the guests that clients connect to.
    pub(crate) cpus: u32,
    /// The options of the layer `wire`.
    pub(crate) wire: WireOptions,
}

impl TestBed<'_> {
    /// Builds an image and returns the path of its ELF.
    pub(super) fn compile(&self, image: Image) -> anyhow::Result<PathBuf> {
        build::compile(self.workspace, self.toolchain, self.runtime, image)
    }
}
