//! The lint of the structure: it checks which files depend on which, and how large types are.
//!
//! Every crate is read without its tests. An arrow leads from a file that uses a name to the file that
//! defines the name, even if other files re-export it. Arrows must form no cycle, and between the modules
//! that ARCHITECTURE.md lists they must lead downwards. A call `value.method()` gives an arrow only if `value`
//! is `self`, because the lint does not know the types of other values.

mod breach;
mod cycles;
mod graph;
mod read;
mod resolve;
mod scan;
mod syntax;
mod table;
pub(super) mod test_only;
#[cfg(test)]
mod tests;
mod tree;
mod types;

use anyhow::{Context, bail, ensure};

use crate::workspace::Workspace;

use breach::Breach;
use graph::Graph;
use table::Block;
use tree::Tree;

/// The crates, each with its name in the table of ARCHITECTURE.md and its folder.
const PACKAGES: [(&str, &str); 4] = [
    ("app", "app"),
    ("runtime_config", "runtime-config"),
    ("vmalloc", "vmalloc"),
    ("xtask", "xtask"),
];

/// Checks all crates.
///
/// # Errors
/// A crate breaks a rule, or ARCHITECTURE.md has no table for its root.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let document = std::fs::read_to_string(workspace.path("ARCHITECTURE.md"))?;
    let blocks = table::blocks(&document).context("ARCHITECTURE.md")?;
    let names = PACKAGES.map(|(name, _)| name);
    if let Some(block) = blocks.iter().find(|block| !names.contains(&block.package.as_str())) {
        bail!("ARCHITECTURE.md: no crate {}", block.package);
    }
    let mut messages = Vec::new();
    for (name, folder) in PACKAGES {
        let sources = workspace.path(folder).join("src");
        let text = |path: &str| std::fs::read_to_string(sources.join(path)).ok();
        let tree = read::read(&text).with_context(|| name.to_owned())?;
        ensure!(!tree.mentions.is_empty(), "{name}: no names were found");
        let own: Vec<_> = blocks.iter().filter(|block| block.package == name).collect();
        ensure!(
            own.iter().any(|block| block.module.is_empty()),
            "ARCHITECTURE.md has no block `layers {name}`"
        );
        let breaches = breaches(&tree, &own);
        messages.extend(breaches.iter().map(|breach| format!("{name}: {breach}")));
    }
    ensure!(messages.is_empty(), "{} breaches\n    {}", messages.len(), messages.join("\n    "));
    Ok(())
}

/// Returns every violation of a rule in one crate.
fn breaches(tree: &Tree, blocks: &[&Block]) -> Vec<Breach> {
    let methods = graph::methods(tree);
    let graph = Graph::of(tree, &methods);
    let mut breaches = cycles::breaches(tree, &graph);
    breaches.extend(blocks.iter().flat_map(|block| block.breaches(tree, &graph)));
    breaches.extend(types::breaches(tree, &methods));
    breaches
}
