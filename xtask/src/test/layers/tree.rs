//! The modules of a crate, the names that they define, and the names that they mention.

use std::collections::BTreeMap;

/// The number of a module in [`Tree::modules`].
pub(super) type ModuleIndex = usize;

/// The number of a file in [`Tree::files`].
pub(super) type FileIndex = usize;

/// A crate without its tests.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The source files. The first one is the crate root.
    pub(super) files: Vec<SourceFile>,
    /// The modules. The first one is the crate root.
    pub(super) modules: Vec<Module>,
    /// The names that the code mentions.
    pub(super) mentions: Vec<Mention>,
    /// The inherent implementations.
    pub(super) impls: Vec<InherentImpl>,
}

/// A source file, which is one module and the inline modules inside it.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// The path below `src`, as it is read.
    pub(super) path: String,
    /// The path of its module from the crate root, without the word `crate`.
    pub(super) module: Vec<String>,
}

impl SourceFile {
    /// Returns the path without its extension.
    pub(super) fn name(&self) -> &str {
        self.path.strip_suffix(".rs").unwrap_or(&self.path)
    }
}

/// A module, in a file of its own or inline.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) parent: Option<ModuleIndex>,
    pub(super) file: FileIndex,
    /// The meanings of each name in this module. Types and values may share a name.
    pub(super) names: BTreeMap<String, Vec<Meaning>>,
    /// The paths of the module's glob imports.
    pub(super) globs: Vec<Vec<String>>,
}

/// The meaning of a name in a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A struct, an enum, a union, a trait or a type alias that the module defines.
    Type,
    /// Any other item that the module defines.
    Value,
    /// A child module.
    Module(ModuleIndex),
    /// An import of this path.
    Import(Vec<String>),
}

/// A place in the code that mentions a name.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) module: ModuleIndex,
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    pub(super) kind: MentionKind,
}

/// The part of the code that a mention stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MentionKind {
    /// An expression, a type, a pattern, an attribute or the tokens of a macro.
    Code,
    /// A `use` that only this module and its children see.
    Import,
    /// A `pub use`.
    Export,
}

/// An `impl` block without a trait.
#[derive(Debug)]
pub(super) struct InherentImpl {
    pub(super) module: ModuleIndex,
    /// The path of the type, as it is written.
    pub(super) path: Vec<String>,
    pub(super) methods: Vec<String>,
}

impl Tree {
    /// Returns the path of a file below `src`, without its extension.
    pub(super) fn file_name(&self, file: FileIndex) -> &str {
        self.files[file].name()
    }

    /// Returns the file of a module.
    pub(super) fn file_of(&self, module: ModuleIndex) -> FileIndex {
        self.modules[module].file
    }
}
