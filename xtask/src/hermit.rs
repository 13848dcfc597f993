//! The Hermit kernel as a library below the image. cargo downloads the kernel; an adapted copy is written to
//! `target/hermit/kernel`.
//!
//! The published version is older than the compilers that build the image. [`changes`] is the only table of
//! the edits that adapt it. This repository contains no source of Hermit.

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

/// The folder of the adapted kernel, relative to the workspace.
const KERNEL: &str = "target/hermit/kernel";

/// Returns a clause that tells whether the adapted kernel exists.
pub(crate) fn state(workspace: &Workspace) -> String {
    match is_made(&workspace.path(KERNEL), &Recipe::PUBLISHED) {
        true => format!("{PACKAGE} {VERSION} is in {KERNEL}"),
        false => {
            format!("cargo fetches {PACKAGE} {VERSION} and its dependencies at the first build")
        }
    }
}

/// Creates the adapted kernel unless it exists, and lets cargo download the dependencies of its image.
///
/// # Errors
/// A package cannot be downloaded (the cause is [`Missing`](crate::exit::Cause::Missing)), or the sources of
/// the kernel differ from those for which the table of changes was written.
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

/// Returns whether a folder contains exactly the sources that the recipe produces.
fn is_made(kernel: &Path, recipe: &Recipe<'_>) -> bool {
    checksum::of_tree(kernel).is_ok_and(|found| found == recipe.sha256)
}

fn make(sources: &Path, draft: &Path, recipe: &Recipe<'_>) -> anyhow::Result<()> {
    adapt::adapt(sources, draft, recipe)?;
    trampoline::assemble(draft)
}

#[cfg(test)]
mod tests;
