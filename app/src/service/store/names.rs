//! The names of regions, in a table with a fixed capacity. A name consists of any bytes, up to a
//! maximum length.
//!
//! The first bytes of a name are stored in its record, and the rest of a long name in
//! [`NameParts`]. A hash table finds the records by name. The hash table has twice the necessary
//! size: because half of it is always unused, it can reclaim removed entries without allocating
//! memory.

mod parts;
mod text;

pub(in crate::service) use text::NameText;

use core::fmt;
use core::hash::Hasher;
#[expect(deprecated, reason = "core has no other keyed hash, and clients choose the names")]
use core::hash::SipHasher;
use core::num::NonZeroU32;

use hashbrown::HashTable;
use runtime_config::limits::NAME_BYTES_MAX;
use vmalloc::RegionId;

use super::records::Records;
use crate::buffers::{Buffers, Shortage};
use parts::NameParts;

const ID: usize = 0;
/// In the record of a long name, the first part of its rest. In a free record, the next free
/// record.
const NEXT: usize = 8;
/// The length of the whole name in bytes.
const LENGTH: usize = 12;
const TEXT: usize = 16;
/// The size of a record: one cache line.
const RECORD_BYTES: usize = 64;
/// The number of bytes of a name that its record stores. Most names are not longer.
const HEAD_BYTES: usize = RECORD_BYTES - TEXT;

/// The index of the record of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) struct NameIndex(NonZeroU32);

impl NameIndex {
    /// Converts a number to an index. Returns `None` for 0, which stands for no name.
    #[must_use]
    pub(in crate::service) fn new(index: u32) -> Option<Self> {
        NonZeroU32::new(index).map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub(in crate::service) fn get(self) -> u32 {
        self.0.get()
    }

    fn at(self) -> usize {
        self.get() as usize
    }
}

/// All names, and the region of each.
pub(in crate::service) struct Names {
    /// The records; index 0 means no record.
    records: Records<RECORD_BYTES>,
    parts: NameParts,
    table: HashTable<NameIndex>,
    /// The first free record among those that were used before, or 0 if there is none.
    free: u32,
    /// The index of the first record that was never used.
    fresh: u32,
    limit: usize,
    /// The number of names reserved for requests in flight.
    reserved: usize,
    seed: u64,
}

impl Names {
    /// Allocates space for `limit` names, and for `limit` parts of long names.
    ///
    /// # Errors
    ///
    /// The buffer could not be allocated.
    pub(in crate::service) fn try_new<B: Buffers>(
        buffers: &B,
        limit: usize,
        seed: u64,
    ) -> Result<Self, Shortage> {
        Ok(Self {
            records: Records::try_new(buffers, "service/names", limit + 1)?,
            parts: NameParts::try_new(buffers, limit)?,
            table: HashTable::with_capacity(2 * limit),
            free: 0,
            fresh: 1,
            limit,
            reserved: 0,
            seed,
        })
    }

    /// Returns the number of names.
    #[must_use]
    pub(in crate::service) fn count(&self) -> usize {
        self.table.len()
    }

    /// Returns whether no further name can be added. Reserved names count as added.
    #[must_use]
    pub(in crate::service) fn is_full(&self) -> bool {
        self.count() + self.reserved >= self.limit
    }

    /// Reserves a name of `length` bytes for a request in flight.
    pub(in crate::service) fn reserve(&mut self, length: usize) {
        self.reserved += 1;
        self.parts.reserve(length.saturating_sub(HEAD_BYTES));
    }

    /// Releases a reserved name of `length` bytes.
    pub(in crate::service) fn unreserve(&mut self, length: usize) {
        self.reserved -= 1;
        self.parts.unreserve(length.saturating_sub(HEAD_BYTES));
    }

    /// Returns the maximum number of names.
    #[must_use]
    pub(in crate::service) fn limit(&self) -> usize {
        self.limit
    }

    /// Returns whether a name of `length` bytes fits into the parts for long names. Reserved parts
    /// are not available.
    #[must_use]
    pub(in crate::service) fn has_room(&self, length: usize) -> bool {
        length <= HEAD_BYTES || self.parts.has_room(length - HEAD_BYTES)
    }

    /// Returns whether `names` more names fit, and whether `parts` more [parts](Self::parts) of
    /// long names fit. Reserved amounts are not available.
    #[must_use]
    pub(in crate::service) fn have_room(&self, names: usize, parts: usize) -> [bool; 2] {
        let left = self.limit.saturating_sub(self.count() + self.reserved);
        [names <= left, parts <= self.parts.left()]
    }

    /// Returns the number of parts in which the rest of a name of `length` bytes is stored.
    #[must_use]
    pub(in crate::service) fn parts(length: usize) -> usize {
        NameParts::of(length.saturating_sub(HEAD_BYTES))
    }

    /// Returns the maximum total length of the bytes in parts, over all long names.
    #[must_use]
    pub(in crate::service) fn long_bytes_max(&self) -> usize {
        self.parts.capacity()
    }

    /// Finds a name. Returns its index, or `None` if no region has the name.
    #[must_use]
    pub(in crate::service) fn find(&self, text: &[u8]) -> Option<NameIndex> {
        if text.len() > NAME_BYTES_MAX {
            return None;
        }
        let hash = hash(self.seed, core::iter::once(text));
        self.table.find(hash, |index| self.text(*index).is(text)).copied()
    }

    /// Returns the hash of any name, whether a region has it or not.
    #[must_use]
    pub(in crate::service) fn hash_of(&self, text: &[u8]) -> u64 {
        hash(self.seed, core::iter::once(text))
    }

    /// Returns the hash of the name at `index`.
    #[must_use]
    pub(in crate::service) fn hash_at(&self, index: NameIndex) -> u64 {
        hash(self.seed, self.text(index).pieces())
    }

    /// Adds a name, which must be valid and not in use. Returns `None` if there is no space for it.
    pub(in crate::service) fn insert(&mut self, text: &[u8], id: RegionId) -> Option<NameIndex> {
        debug_assert!(text.len() <= NAME_BYTES_MAX && self.find(text).is_none());
        if self.is_full() || !self.has_room(text.len()) {
            return None;
        }
        let length = u32::try_from(text.len()).ok()?;
        let (head, rest) = text.split_at(text.len().min(HEAD_BYTES));
        let first = self.parts.store(rest);
        let index = self.take_record()?;
        self.records.set_u32(index.at(), NEXT, first);
        self.records.set_u32(index.at(), LENGTH, length);
        self.records.record_mut(index.at())[TEXT..][..head.len()].copy_from_slice(head);
        self.set_id(index, id);
        let (records, parts, seed) = (&self.records, &self.parts, self.seed);
        let rehash = |index: &NameIndex| hash(seed, text_of(records, parts, *index).pieces());
        self.table.insert_unique(hash(seed, core::iter::once(text)), index, rehash);
        Some(index)
    }

    /// Removes a name.
    pub(in crate::service) fn remove(&mut self, index: NameIndex) {
        let hash = hash(self.seed, self.text(index).pieces());
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == index) {
            entry.remove();
            self.parts.release(self.records.u32(index.at(), NEXT));
            *self.records.record_mut(index.at()) = [0; RECORD_BYTES];
            self.records.set_u32(index.at(), NEXT, self.free);
            self.free = index.get();
        }
    }

    /// Returns the region that has the name at `index`.
    #[must_use]
    pub(in crate::service) fn id(&self, index: NameIndex) -> Option<RegionId> {
        RegionId::from_raw(self.records.u64(index.at(), ID))
    }

    /// Assigns the name at `index` to another region.
    pub(in crate::service) fn set_id(&mut self, index: NameIndex, id: RegionId) {
        self.records.set_u64(index.at(), ID, id.get());
    }

    /// Returns the text of the name at `index`.
    #[must_use]
    #[inline]
    pub(in crate::service) fn text(&self, index: NameIndex) -> NameText<'_> {
        text_of(&self.records, &self.parts, index)
    }

    /// Returns the text of the name at `index`, or `None` if the index is not in use.
    #[must_use]
    pub(in crate::service) fn taken(&self, index: NameIndex) -> Option<NameText<'_>> {
        let is_taken = index.get() < self.fresh && self.id(index).is_some();
        is_taken.then(|| self.text(index))
    }

    /// Returns the end of the used indexes: every index in use is less than this number.
    #[must_use]
    pub(in crate::service) fn end(&self) -> u32 {
        self.fresh
    }

    fn take_record(&mut self) -> Option<NameIndex> {
        let index = match NameIndex::new(self.free) {
            Some(index) => {
                self.free = self.records.u32(index.at(), NEXT);
                index
            }
            None => {
                self.fresh += 1;
                NameIndex::new(self.fresh - 1)?
            }
        };
        Some(index)
    }
}

#[inline]
fn text_of<'a>(
    records: &'a Records<RECORD_BYTES>,
    parts: &'a NameParts,
    index: NameIndex,
) -> NameText<'a> {
    let length = records.u32(index.at(), LENGTH) as usize;
    let head = &records.record(index.at())[TEXT..];
    let head = head.get(..length).unwrap_or(head);
    let rest = if length > HEAD_BYTES { records.u32(index.at(), NEXT) } else { 0 };
    NameText { head, rest, length, parts }
}

/// Hashes a name. The hash is keyed with the seed: clients choose the names, and must not be able
/// to fill one bucket of the table with names of their choice.
fn hash<'a>(seed: u64, pieces: impl Iterator<Item = &'a [u8]>) -> u64 {
    #[expect(deprecated, reason = "as above")]
    let mut hasher = SipHasher::new_with_keys(seed, seed.rotate_left(32) ^ 0x766d_616c_6c6f_6321);
    pieces.for_each(|piece| hasher.write(piece));
    hasher.finish()
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names")
            .field("count", &self.count())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
