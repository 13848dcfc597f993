//! A violation of a rule about the structure.

use std::fmt;

/// The rules about the files and the types of a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BreachKind {
    /// Imports must form no cycle.
    Cycle,
    /// A module must depend only on modules in lower lines of the table.
    Upward,
    /// The table must list exactly the child modules that exist.
    Unlisted,
    /// A type must have few methods, in few files.
    Spread,
    /// A type name must have one meaning in a crate.
    DoubleName,
}

impl fmt::Display for BreachKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cycle => "cycle",
            Self::Upward => "arrow that does not point down",
            Self::Unlisted => "table of layers",
            Self::Spread => "large type",
            Self::DoubleName => "name of two types",
        })
    }
}

/// A violation of a rule in one crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) kind: BreachKind,
    /// The subject: a file, a module, two modules, or a type.
    pub(super) key: String,
    /// The message for the user.
    pub(super) text: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}
