//! The owner of a region or a reservation.

/// The connection for which the store works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The number of the connection, which is never reused. Regions of the connection carry it as
    /// their owner tag.
    pub(super) number: u64,
    /// The place of the connection in the client list and the ledger.
    pub(super) place: u32,
}
