//! Manages the free addresses of the window. Freed areas of short lengths are kept whole in pools,
//! one stack for each length. All other free addresses are in an augmented red-black tree of free
//! runs.
//!
//! An [`Area`] is a run of page numbers with the slot that describes its region. An area in a pool
//! is at rest: it keeps its slot and may keep its frames, so that the next region of the same
//! length can reuse all three. This module maps no page, and handles frames only as the chains that
//! pooled areas keep.

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
