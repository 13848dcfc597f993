//! The Hermit kernel as a library below the image: fetched by cargo, adapted, and written to
//! `target/hermit/kernel`.
//!
//! The published version is older than the compilers that build the image. [`changes`] is the one table of
//! edits that adapt it. No source of Hermit is part of this repository.

mod adapt;
mod changes;
mod checksum;
mod fetch;
mod folder;
mod missing;
mod package;
mod trampoline;

use std::path::{Path, PathBuf};

use crate::process;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

use adapt::Recipe;
use folder::KernelFolder;
use package::{PACKAGE, VERSION};

/// The folder of the adapted kernel, below the workspace.
const KERNEL: &str = "target/hermit/kernel";

/// Describes in a clause whether the kernel has been made.
pub(crate) fn state(workspace: &Workspace) -> String {
    match is_made(&workspace.path(KERNEL), &Recipe::PUBLISHED) {
        true => format!("{PACKAGE} {VERSION} is in {KERNEL}"),
        false => {
            format!("cargo fetches {PACKAGE} {VERSION} and its dependencies at the first build")
        }
    }
}

/// Makes the adapted kernel, unless it exists, and has cargo fetch the dependencies of its image.
///
/// # Errors
/// A package cannot be fetched (the cause is [`Missing`](crate::exit::Cause::Missing)), or the sources of
/// the kernel differ from those that the table of changes is written for.
pub(crate) fn ensure(workspace: &Workspace, toolchain: &Toolchain) -> anyhow::Result<()> {
    let fetch = || fetch::fetch(workspace, toolchain);
    ensure_at(&workspace.path(KERNEL), &Recipe::PUBLISHED, fetch)?;
    fetch::dependencies(workspace, toolchain)
}

/// Makes the kernel of a recipe in a folder from the sources that `fetch` returns, unless it exists.
fn ensure_at(
    kernel: &Path,
    recipe: &Recipe<'_>,
    fetch: impl FnOnce() -> anyhow::Result<PathBuf>,
) -> anyhow::Result<()> {
    let place = KernelFolder::lock(kernel)?;
    place.sweep()?;
    if is_made(kernel, recipe) {
        // The checksum does not cover the assembled code, which depends on the version of the binutils.
        return trampoline::assemble(kernel);
    }
    let sources = fetch()?;
    process::announce("Adapt", &format!("{PACKAGE} {VERSION} to today's compiler"));
    make(&sources, &place.draft(), recipe)?;
    place.replace()
}

/// Returns whether a folder holds exactly the sources that a recipe results in.
fn is_made(kernel: &Path, recipe: &Recipe<'_>) -> bool {
    checksum::of_tree(kernel).is_ok_and(|found| found == recipe.sha256)
}

fn make(sources: &Path, draft: &Path, recipe: &Recipe<'_>) -> anyhow::Result<()> {
    adapt::adapt(sources, draft, recipe)?;
    trampoline::assemble(draft)
}

#[cfg(test)]
mod tests;
