//! Regions: the slots that describe them, what is known of each, and the lists of those that wait for a flush.

pub(crate) mod extent;
mod info;
pub(crate) mod lazy;
pub(crate) mod slot;
pub(crate) mod slots;
pub(crate) mod stage;

pub use info::{RegionInfo, RegionState};
