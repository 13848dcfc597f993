//! The Hermit kernel as a library below the image: fetched by cargo, adapted, and left in
//! `target/hermit/kernel`.
//!
//! The published version is older than the compilers that build the image. [`changes`] is the one table of
//! edits that lie between them. No source of Hermit is part of this repository.

mod adapt;
mod changes;
mod checksum;
mod fetch;
mod trampoline;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::process;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

use adapt::Recipe;

/// The package in the registry.
const PACKAGE: &str = "hermit-kernel";
/// The only version that the table of changes is written for.
const VERSION: &str = "0.11.0";

/// Where the adapted kernel lies, below the workspace.
const KERNEL: &str = "target/hermit/kernel";

/// Says in a clause whether the kernel is there.
pub(crate) fn state(workspace: &Workspace) -> String {
    match is_made(&workspace.path(KERNEL), &Recipe::PUBLISHED) {
        true => format!("{PACKAGE} {VERSION} is in {KERNEL}"),
        false => {
            format!("cargo fetches {PACKAGE} {VERSION} at the first build; nothing else is needed")
        }
    }
}

/// Makes the adapted kernel, unless it is already there.
///
/// # Errors
/// The package cannot be fetched (the cause is [`Missing`](crate::exit::Cause::Missing)), or its sources are
/// not those that the table of changes is written for.
pub(crate) fn ensure(workspace: &Workspace, toolchain: &Toolchain) -> anyhow::Result<()> {
    let kernel = workspace.path(KERNEL);
    let recipe = Recipe::PUBLISHED;
    if is_made(&kernel, &recipe) {
        return Ok(());
    }
    let sources = fetch::fetch(workspace, toolchain)?;
    process::announce("Adapt", &format!("{PACKAGE} {VERSION} to today's compiler"));
    let draft = beside(&kernel, "new");
    let made = make(&sources, &draft, &recipe).and_then(|()| replace(&kernel, &draft));
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&draft);
    }
    made
}

/// Whether a folder holds the result of a recipe, unchanged.
fn is_made(kernel: &Path, recipe: &Recipe<'_>) -> bool {
    trampoline::is_assembled(kernel)
        && checksum::of_tree(kernel).is_ok_and(|found| found == recipe.sha256)
}

fn make(sources: &Path, draft: &Path, recipe: &Recipe<'_>) -> anyhow::Result<()> {
    adapt::adapt(sources, draft, recipe)?;
    trampoline::assemble(draft)
}

/// Puts a finished folder where another may be, so that each moment shows a whole one or none.
fn replace(folder: &Path, draft: &Path) -> anyhow::Result<()> {
    let old = beside(folder, "old");
    let had_one = std::fs::rename(folder, &old).is_ok();
    std::fs::rename(draft, folder)
        .with_context(|| format!("cannot rename {} to {}", draft.display(), folder.display()))?;
    if had_one {
        std::fs::remove_dir_all(&old).with_context(|| old.display().to_string())?;
    }
    Ok(())
}

/// A name beside a folder that no other call of the tool uses.
fn beside(folder: &Path, word: &str) -> PathBuf {
    folder.with_extension(format!("{word}-{}", std::process::id()))
}

#[cfg(test)]
mod tests;
