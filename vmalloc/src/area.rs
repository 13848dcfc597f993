//! Free addresses: pools of exact sizes in front of an augmented red-black tree of free runs.
//!
//! Areas are runs of page numbers with a region slot; this module maps no page. It knows frames
//! only as chains that rest with pooled areas.

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
