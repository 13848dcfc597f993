//! Describes regions: the slot that records each region, the public description, and the lists of
//! regions that wait for a flush.

pub(crate) mod extent;
mod info;
pub(crate) mod lazy;
pub(crate) mod lazy_budget;
pub(crate) mod slot;
pub(crate) mod slots;
pub(crate) mod stage;

pub use info::{RegionInfo, RegionState};
