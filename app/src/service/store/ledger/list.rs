//! Lists of regions, and the amounts in them.

/// Regions that go together, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) struct List(pub(super) u32);

/// The regions and pages that a list counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Usage {
    /// Regions.
    pub(in crate::service) regions: u32,
    /// Their pages, without guards.
    pub(in crate::service) pages: u64,
}

/// Regions and pages that a list counts for a request in flight, before its region stands in
/// the list. The ledger that made a charge must get it back.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a charge that is not given back counts for ever"]
pub(in crate::service) struct Charge {
    pub(super) list: List,
    /// Which of the list's owners is charged: the next owner begins without charges.
    pub(super) epoch: u32,
    pub(super) usage: Usage,
}
