//! A breach of a rule.

use std::fmt;

/// The rules about the files and the types of a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BreachKind {
    /// Imports form no cycle.
    Cycle,
    /// A module needs only modules on lower lines of the table.
    Upward,
    /// The table lists the child modules that exist.
    Unlisted,
    /// A type has few methods, in few files.
    Spread,
    /// A type name has one meaning in a crate.
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

/// A breach in one crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) kind: BreachKind,
    /// The subject, by which a list of exceptions names the breach.
    pub(super) key: String,
    /// The message.
    pub(super) text: String,
}
