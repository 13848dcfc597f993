//! Free addresses: an augmented red-black tree of the runs that belong to nobody.
//!
//! Knows page numbers only, neither frames nor entries.

pub(crate) mod balance;
pub(crate) mod node;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

pub(crate) use tree::FreeTree;
