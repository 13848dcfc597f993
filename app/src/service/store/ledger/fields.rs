//! The layout of a record of the ledger: the offset of each field in bytes.

use vmalloc::RegionId;

use crate::service::store::records::Records;

/// The id of the region.
pub(super) const ID: usize = 0;
/// The deadline of the lease in microseconds since boot. 0 stands for no lease.
pub(super) const LEASE_US: usize = 8;
/// The second since boot in which the region was allocated.
pub(super) const BORN_S: usize = 16;
/// The slot of the next older region in the list.
pub(super) const NEXT: usize = 20;
/// The slot of the next newer region in the list.
pub(super) const PREVIOUS: usize = 24;
/// The index of the name. 0 stands for no name.
pub(super) const NAME: usize = 28;
/// The pages of the region.
pub(super) const PAGES: usize = 32;
/// The list that counts the region. Together with `EPOCH` it identifies the owner that is charged.
/// A region that was [abandoned](super::Ledger::abandon) keeps this value, although it is linked into the
/// list of orphans.
pub(super) const LIST: usize = 36;
/// The epoch of the list when the region was counted. The epoch changes with the owner of the list.
pub(super) const EPOCH: usize = 40;
/// The [`State`](super::state::State) in the low byte, and flags above.
pub(super) const STATE: usize = 44;
pub(super) const RECORD_BYTES: usize = 48;

/// The records: one for each region slot, followed by the heads of the lists.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) records: Records<RECORD_BYTES>,
}

impl Fields {
    /// Returns whether the record of the region's slot belongs to this region, and not to an
    /// earlier one.
    #[inline]
    pub(super) fn holds(&self, id: RegionId) -> bool {
        self.records.u64(id.slot() as usize, ID) == id.get()
    }

    /// Reads a field of the record `index`.
    #[inline]
    pub(super) fn get(&self, index: u32, field: usize) -> u32 {
        self.records.u32(index as usize, field)
    }

    /// Writes a field of the record `index`.
    #[inline]
    pub(super) fn set(&mut self, index: u32, field: usize, value: u32) {
        self.records.set_u32(index as usize, field, value);
    }
}
