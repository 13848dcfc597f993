//! Lists of regions, and their totals.

/// A list of regions with the newest first, identified by the index of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) struct List(pub(super) u32);

/// The regions and pages that a list counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Usage {
    /// The number of regions.
    pub(in crate::service) regions: u32,
    /// The pages of the regions, without guard pages.
    pub(in crate::service) pages: u64,
}

/// An amount of regions and pages that a list counts for a request in flight. The regions
/// themselves are not counted by the list. A charge must be returned to the ledger that made it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a charge that is not given back counts for ever"]
pub(in crate::service) struct Charge {
    pub(super) list: List,
    /// The epoch of the owner that is charged. A later owner of the list has another epoch, and is
    /// not charged.
    pub(super) epoch: u32,
    pub(super) usage: Usage,
}
