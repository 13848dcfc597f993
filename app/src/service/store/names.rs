//! Names of regions: a table that never grows. A name is any bytes, up to a limit.
//!
//! The first bytes of a name lie in its record, the rest of a long one in [`NameParts`]. A hash table
//! of the records' indexes, twice as large as it need be, finds them: with half of it always unused
//! it can clean up after removals without allocating.

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
/// The first part of a long name; of a free record the next one.
const NEXT: usize = 8;
/// How many bytes the name has, the rest included.
const LENGTH: usize = 12;
const TEXT: usize = 16;
/// A line of the cache.
const RECORD_BYTES: usize = 64;
/// Bytes of a name in its record: nearly every name has no more.
const HEAD_BYTES: usize = RECORD_BYTES - TEXT;

/// The number of a name while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) struct NameIndex(NonZeroU32);

impl NameIndex {
    /// Takes a number that is not 0.
    #[must_use]
    pub(in crate::service) fn new(index: u32) -> Option<Self> {
        NonZeroU32::new(index).map(Self)
    }

    /// The number.
    #[must_use]
    pub(in crate::service) fn get(self) -> u32 {
        self.0.get()
    }

    fn at(self) -> usize {
        self.get() as usize
    }
}

/// Every name and its region.
pub(in crate::service) struct Names {
    /// Index 0 stands for "none".
    records: Records<RECORD_BYTES>,
    parts: NameParts,
    table: HashTable<NameIndex>,
    /// The first record that was given back; 0 where there is none.
    free: u32,
    /// Records below it have been used.
    fresh: u32,
    limit: usize,
    /// Names of requests in flight.
    reserved: usize,
    seed: u64,
}

impl Names {
    /// Makes room for `limit` names, and for as many parts of long ones.
    ///
    /// # Errors
    ///
    /// The buffer could not be had.
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

    /// How many there are.
    #[must_use]
    pub(in crate::service) fn count(&self) -> usize {
        self.table.len()
    }

    /// Whether no other name can be taken, beside those that are reserved.
    #[must_use]
    pub(in crate::service) fn is_full(&self) -> bool {
        self.count() + self.reserved >= self.limit
    }

    /// Keeps room for a name of that length, which a request in flight will take.
    pub(in crate::service) fn reserve(&mut self, length: usize) {
        self.reserved += 1;
        self.parts.reserve(length.saturating_sub(HEAD_BYTES));
    }

    /// Gives up room that was kept for a name of that length.
    pub(in crate::service) fn unreserve(&mut self, length: usize) {
        self.reserved -= 1;
        self.parts.unreserve(length.saturating_sub(HEAD_BYTES));
    }

    /// How many there may be.
    #[must_use]
    pub(in crate::service) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether the end of a name of that length can be kept, beside those that are reserved.
    #[must_use]
    pub(in crate::service) fn has_room(&self, length: usize) -> bool {
        length <= HEAD_BYTES || self.parts.has_room(length - HEAD_BYTES)
    }

    /// Whether so many names whose ends take so many [parts](Self::parts) can be kept, beside those that are
    /// reserved.
    #[must_use]
    pub(in crate::service) fn have_room(&self, names: usize, parts: usize) -> [bool; 2] {
        let left = self.limit.saturating_sub(self.count() + self.reserved);
        [names <= left, parts <= self.parts.left()]
    }

    /// NameParts that the end of a name of that length takes.
    #[must_use]
    pub(in crate::service) fn parts(length: usize) -> usize {
        NameParts::of(length.saturating_sub(HEAD_BYTES))
    }

    /// Bytes that the ends of all long names can have together.
    #[must_use]
    pub(in crate::service) fn long_bytes_max(&self) -> usize {
        self.parts.capacity()
    }

    /// Looks a name up.
    #[must_use]
    pub(in crate::service) fn find(&self, text: &[u8]) -> Option<NameIndex> {
        if text.len() > NAME_BYTES_MAX {
            return None;
        }
        let hash = hash(self.seed, core::iter::once(text));
        self.table.find(hash, |index| self.text(*index).is(text)).copied()
    }

    /// The hash of a name, whether it is taken or not.
    #[must_use]
    pub(in crate::service) fn hash_of(&self, text: &[u8]) -> u64 {
        hash(self.seed, core::iter::once(text))
    }

    /// The hash of a name that is taken.
    #[must_use]
    pub(in crate::service) fn hash_at(&self, index: NameIndex) -> u64 {
        hash(self.seed, self.text(index).pieces())
    }

    /// Takes a name that is valid and not taken; `None` where the table is full.
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

    /// Gives a name back.
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

    /// The region that has the name.
    #[must_use]
    pub(in crate::service) fn id(&self, index: NameIndex) -> Option<RegionId> {
        RegionId::from_raw(self.records.u64(index.at(), ID))
    }

    /// Gives the name to another region.
    pub(in crate::service) fn set_id(&mut self, index: NameIndex, id: RegionId) {
        self.records.set_u64(index.at(), ID, id.get());
    }

    /// The text.
    #[must_use]
    #[inline]
    pub(in crate::service) fn text(&self, index: NameIndex) -> NameText<'_> {
        text_of(&self.records, &self.parts, index)
    }

    /// The text, if the number is in use.
    #[must_use]
    pub(in crate::service) fn taken(&self, index: NameIndex) -> Option<NameText<'_>> {
        let is_taken = index.get() < self.fresh && self.id(index).is_some();
        is_taken.then(|| self.text(index))
    }

    /// Every number that is in use is below this.
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

/// Clients choose the names, so the hash is keyed: no client can aim at one bucket.
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
