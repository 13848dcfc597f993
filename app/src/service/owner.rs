//! Identifies the owner of a region or of a reservation.

/// The connection on whose behalf the store is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The number of the connection, which is never reused. Regions of the connection carry it as
    /// their owner tag.
    pub(super) number: u64,
    /// The place of the connection in the client list and the ledger.
    pub(super) place: u32,
}
