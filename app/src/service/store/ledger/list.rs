//! Lists of regions, and their totals.

/// A list of regions, newest first.
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

/// Regions and pages that a list counts for a request in flight, before its region is in the list.
/// A charge must be returned to the ledger that made it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a charge that is not given back counts for ever"]
pub(in crate::service) struct Charge {
    pub(super) list: List,
    /// The owner of the list that is charged; the next owner begins without charges.
    pub(super) epoch: u32,
    pub(super) usage: Usage,
}
