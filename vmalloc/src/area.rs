//! Free addresses: pools of exact sizes in front of an augmented red-black tree of the runs that
//! belong to nobody.
//!
//! Knows page numbers and slots, neither frames nor entries.

pub(crate) mod areas;
pub(crate) mod balance;
pub(crate) mod node;
pub(crate) mod pool;
mod returns;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

pub(crate) use areas::{Area, Areas, Fit, NoArea};
pub(crate) use returns::AreaReturns;
pub(crate) use tree::FreeTree;
