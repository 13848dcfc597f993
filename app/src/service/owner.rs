//! The connection that a region or a reservation belongs to.

/// The connection on whose behalf the store works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The number of the connection: never given twice, and the owner tag of its regions.
    pub(super) number: u64,
    /// The place of the connection in the client list and the ledger.
    pub(super) place: u32,
}
