//! The arrows between the files of a crate.

use std::collections::{BTreeMap, BTreeSet};

use super::resolve::Definition;
use super::tree::{FileIndex, Mention, MentionKind, ModuleIndex, Tree};

/// A type, identified by the module that defines it and by its name.
type TypeKey = (ModuleIndex, String);

/// The inherent methods of each type, each with the files that define it.
pub(super) type Methods = BTreeMap<TypeKey, BTreeMap<String, BTreeSet<FileIndex>>>;

/// The dependencies between files. Each has the names that cause it, with the first line that uses the name.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) arrows: BTreeMap<FileIndex, BTreeMap<FileIndex, BTreeMap<String, usize>>>,
}

impl Graph {
    /// Creates an arrow from each file that uses a name to the file that defines the name.
    pub(super) fn of(tree: &Tree, methods: &Methods) -> Self {
        let mut graph = Self::default();
        for mention in &tree.mentions {
            let definitions = tree.resolve(mention.module, &mention.path);
            // The name of a module says nothing of its contents: the names behind it count where they are mentioned.
            let is_module = |definition: &Definition| matches!(definition, Definition::Module(_));
            if mention.kind != MentionKind::Code && definitions.iter().any(is_module) {
                continue;
            }
            for definition in definitions {
                for file in targets(tree, methods, mention, &definition) {
                    graph.add(tree.file_of(mention.module), file, mention);
                }
            }
        }
        graph
    }

    fn add(&mut self, from: FileIndex, to: FileIndex, mention: &Mention) {
        if from != to {
            let names = self.arrows.entry(from).or_default().entry(to).or_default();
            names.entry(mention.path.join("::")).or_insert(mention.line);
        }
    }

    /// Returns the files on which a file depends.
    pub(super) fn needs(&self, from: FileIndex) -> impl Iterator<Item = FileIndex> {
        self.arrows.get(&from).into_iter().flat_map(|to| to.keys().copied())
    }

    /// Formats an arrow with its names and their lines.
    pub(super) fn show(&self, tree: &Tree, from: FileIndex, to: FileIndex) -> String {
        let names = self.arrows.get(&from).and_then(|arrows| arrows.get(&to));
        let names = names.into_iter().flatten().map(|(name, line)| format!("{name} (line {line})"));
        let names = names.collect::<Vec<_>>().join(", ");
        format!("{} -> {}: {names}", tree.file_name(from), tree.file_name(to))
    }
}

/// Returns the files that define the name of a mention.
fn targets(
    tree: &Tree,
    methods: &Methods,
    mention: &Mention,
    definition: &Definition,
) -> Vec<FileIndex> {
    let Definition::Item { module, name, rest } = definition else { return Vec::new() };
    let own = &tree.files[tree.file_of(mention.module)].module;
    let file = tree.file_of(*module);
    if mention.kind == MentionKind::Export && tree.files[file].module.starts_with(own) {
        return Vec::new();
    }
    let definers =
        rest.first().and_then(|method| methods.get(&(*module, name.clone()))?.get(method));
    let from = tree.file_of(mention.module);
    let elsewhere = definers.filter(|files| !files.contains(&from)).into_iter().flatten();
    std::iter::once(file).chain(elsewhere.copied()).collect()
}

/// Returns the inherent methods of all types.
pub(super) fn methods(tree: &Tree) -> Methods {
    let mut methods = Methods::new();
    for block in &tree.impls {
        for definition in tree.resolve(block.module, &block.path) {
            let Definition::Item { module, name, .. } = definition else { continue };
            let type_ = methods.entry((module, name)).or_default();
            for method in &block.methods {
                type_.entry(method.clone()).or_default().insert(tree.file_of(block.module));
            }
        }
    }
    methods
}
