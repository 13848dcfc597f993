//! `cargo xtask build`: the image.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::BuildOptions;
use crate::process;
use crate::toolchain::{self, TARGET, Toolchain};
use crate::workspace::Workspace;

/// Which of the two images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// The service.
    Service,
    /// The one that runs its own tests and leaves.
    SelfTest,
}

impl Image {
    /// Where the finished ELF lies.
    pub(crate) fn path(self, workspace: &Workspace) -> PathBuf {
        workspace.path(match self {
            Self::Service => "target/image/app.elf",
            Self::SelfTest => "target/image/app-selftest.elf",
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Service => "the image",
            Self::SelfTest => "the self-test image",
        }
    }
}

/// Runs the verb.
pub(crate) fn build(workspace: &Workspace, options: &BuildOptions) -> anyhow::Result<ExitCode> {
    let image = if options.selftest { Image::SelfTest } else { Image::Service };
    let toolchain = Toolchain::ensure(workspace)?;
    let elf = compile(workspace, &toolchain, image)?;
    let bytes = std::fs::metadata(&elf)?.len();
    println!("{} ({} KiB)", workspace.show(&elf), bytes.div_ceil(1024));
    Ok(ExitCode::SUCCESS)
}

/// Builds an image and returns the path of its ELF.
pub(crate) fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    image: Image,
) -> anyhow::Result<PathBuf> {
    let first = !workspace.path("target/image").join(TARGET).is_dir();
    let time = if first { ", about a minute the first time" } else { "" };
    let how = toolchain.describe();
    process::announce("Build", &format!("{} by {how}{time}", image.name()));
    let mut command = toolchain.cargo(workspace, "rustc");
    command.args(["--bin", "app"]);
    if image == Image::SelfTest {
        command.args(["--features", "selftest"]);
    }
    command.arg("--").args(toolchain::link_flags(workspace)?);
    process::succeed(&mut command).context("the image does not build")?;
    let built = workspace.path("target/image").join(TARGET).join("release/app");
    let elf = image.path(workspace);
    publish(&built, &elf)?;
    Ok(elf)
}

/// Copies a file so that a guest which boots meanwhile sees the old one or the new one.
fn publish(from: &Path, to: &Path) -> anyhow::Result<()> {
    let draft = to.with_extension("new");
    std::fs::copy(from, &draft).with_context(|| format!("cannot copy {}", from.display()))?;
    std::fs::rename(&draft, to).with_context(|| format!("cannot write {}", to.display()))
}
