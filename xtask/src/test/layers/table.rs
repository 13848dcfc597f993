//! The table of layers: the order of the modules in ARCHITECTURE.md.
//!
//! A block ` ```layers app::service ` lists the children of a module from top to bottom. Modules in the same
//! line do not depend on each other. An arrow may only lead to a lower line.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};

use super::breach::{Breach, BreachKind};
use super::graph::Graph;
use super::tree::{FileIndex, Tree};

/// The begin of a block.
const FENCE: &str = "```layers ";

/// The children of one module, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The name of the crate.
    pub(super) package: String,
    /// The path of the module from the crate root.
    pub(super) module: Vec<String>,
    /// The number of each child's line, counted from the top.
    lines: BTreeMap<String, usize>,
}

/// Reads all blocks of a document.
///
/// # Errors
/// A block has no end, or lists a module twice.
pub(super) fn blocks(document: &str) -> anyhow::Result<Vec<Block>> {
    let starts = document.match_indices(FENCE).map(|(at, _)| &document[at + FENCE.len()..]);
    starts.map(block).collect()
}

fn block(text: &str) -> anyhow::Result<Block> {
    let (head, body) = text.split_once('\n').context("a block of layers has no lines")?;
    let (body, _) = body.split_once("```").with_context(|| format!("{head}: no end"))?;
    let mut path = head.trim().split("::").map(str::to_owned);
    let package = path.next().unwrap_or_default();
    let mut lines = BTreeMap::new();
    for (number, line) in body.lines().enumerate() {
        for name in line.split_whitespace() {
            let before = lines.insert(name.to_owned(), number);
            ensure!(before.is_none(), "{head}: {name} is listed twice");
        }
    }
    Ok(Block { package, module: path.collect(), lines })
}

impl Block {
    /// Returns the violations of the crate against this block.
    pub(super) fn breaches(&self, tree: &Tree, graph: &Graph) -> Vec<Breach> {
        let mut breaches = self.unlisted(tree);
        let mut upward: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for from in 0..tree.files.len() {
            for to in graph.needs(from) {
                if let Some(key) = self.breach(tree, from, to) {
                    upward.entry(key).or_default().push(graph.show(tree, from, to));
                }
            }
        }
        breaches.extend(upward.into_iter().map(|(key, arrows)| {
            let text = format!("{key}\n        {}", arrows.join("\n        "));
            Breach { kind: BreachKind::Upward, key, text }
        }));
        breaches
    }

    /// Returns a violation if an arrow does not lead downwards. Returns `None` if it does, or if the block
    /// does not list its files.
    fn breach(&self, tree: &Tree, from: FileIndex, to: FileIndex) -> Option<String> {
        let (from, to) = (self.child(tree, from)?, self.child(tree, to)?);
        let is_down = match (from, to) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(from), Some(to)) => {
                // A module that is not listed is a breach of its own.
                let (Some(above), Some(below)) = (self.lines.get(from), self.lines.get(to)) else {
                    return None;
                };
                from == to || above < below
            }
        };
        (!is_down).then(|| format!("{} -> {}", self.show(from), self.show(to)))
    }

    /// Returns the child of the block's module to which a file belongs, and `Some(None)` for the file of the
    /// module itself.
    fn child<'a>(&self, tree: &'a Tree, file: FileIndex) -> Option<Option<&'a str>> {
        let rest = tree.files[file].module.strip_prefix(&self.module[..])?;
        Some(rest.first().map(String::as_str))
    }

    fn show(&self, child: Option<&str>) -> String {
        let path = self.module.iter().map(String::as_str).chain(child);
        let path = path.collect::<Vec<_>>().join("::");
        if path.is_empty() { "crate".to_owned() } else { path }
    }

    fn unlisted(&self, tree: &Tree) -> Vec<Breach> {
        let files = 0..tree.files.len();
        let present: BTreeSet<_> = files.filter_map(|file| self.child(tree, file)?).collect();
        let listed: BTreeSet<_> = self.lines.keys().map(String::as_str).collect();
        let breach = |child: &&str, what: &str| {
            let key = self.show(Some(child));
            let text = format!("`layers {}`: {key} {what}", self.head());
            Breach { kind: BreachKind::Unlisted, key, text }
        };
        let missing = present.difference(&listed).map(|child| breach(child, "is not listed"));
        let surplus = listed.difference(&present).map(|child| breach(child, "does not exist"));
        missing.chain(surplus).collect()
    }

    fn head(&self) -> String {
        std::iter::once(&self.package).chain(&self.module).cloned().collect::<Vec<_>>().join("::")
    }
}
