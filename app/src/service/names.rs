//! Names of regions: a table that never grows.
//!
//! Texts lie in fixed records; a hash table of their indexes, twice as large as it need be, finds
//! them. With half of it always unused it can clean up after removals without allocating.

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

const ID: usize = 0;
const NEXT_FREE: usize = 8;
const LENGTH: usize = 12;
const TEXT: usize = 16;
const RECORD_BYTES: usize = TEXT + NAME_BYTES_MAX;

/// Which bytes a name may have: every request with a name asks for each of them.
const IN_NAMES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        bytes[byte as usize] = !matches!(byte, b'@' | b'"' | b'\\');
        byte += 1;
    }
    bytes
};

/// The number of a name while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameIndex(NonZeroU32);

impl NameIndex {
    /// Takes a number that is not 0.
    #[must_use]
    pub fn new(index: u32) -> Option<Self> {
        NonZeroU32::new(index).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }

    fn at(self) -> usize {
        self.get() as usize
    }
}

/// Every name and its region.
pub struct Names {
    /// Index 0 stands for "none".
    records: Records<RECORD_BYTES>,
    table: HashTable<NameIndex>,
    /// The first record that was given back; 0 where there is none.
    free: u32,
    /// Records below it have been used.
    fresh: u32,
    limit: usize,
    seed: u64,
}

impl Names {
    /// Makes room for `limit` names.
    ///
    /// # Errors
    ///
    /// The buffer could not be had.
    pub fn try_new<B: Buffers>(buffers: &B, limit: usize, seed: u64) -> Result<Self, Shortage> {
        Ok(Self {
            records: Records::try_new(buffers, "service/names", limit + 1)?,
            table: HashTable::with_capacity(2 * limit),
            free: 0,
            fresh: 1,
            limit,
            seed,
        })
    }

    /// Whether a text can be a name: 1 to 64 bytes of graphic ASCII without `@`, `"` and `\`, so
    /// that every report stays parseable.
    #[must_use]
    pub fn is_valid(text: &[u8]) -> bool {
        let fits = |byte: &u8| IN_NAMES[usize::from(*byte)];
        (1..=NAME_BYTES_MAX).contains(&text.len()) && text.iter().all(fits)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table.len()
    }

    /// Whether no other name can be taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.count() >= self.limit
    }

    /// How many there may be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Looks a name up.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Option<NameIndex> {
        let records = &self.records;
        let hash = hash(self.seed, text);
        self.table.find(hash, |index| bytes(records, *index) == text).copied()
    }

    /// Takes a name that is valid and not taken; `None` where the table is full.
    pub fn insert(&mut self, text: &[u8], id: RegionId) -> Option<NameIndex> {
        debug_assert!(Self::is_valid(text) && self.find(text).is_none());
        if self.is_full() {
            return None;
        }
        let index = self.take_record()?;
        let record = self.records.record_mut(index.at());
        record[LENGTH] = u8::try_from(text.len()).ok()?;
        record[TEXT..][..text.len()].copy_from_slice(text);
        self.set_id(index, id);
        let (records, seed) = (&self.records, self.seed);
        let rehash = |index: &NameIndex| hash(seed, bytes(records, *index));
        self.table.insert_unique(hash(seed, text), index, rehash);
        Some(index)
    }

    /// Gives a name back.
    pub fn remove(&mut self, index: NameIndex) {
        let hash = hash(self.seed, bytes(&self.records, index));
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == index) {
            entry.remove();
            *self.records.record_mut(index.at()) = [0; RECORD_BYTES];
            self.records.set_u32(index.at(), NEXT_FREE, self.free);
            self.free = index.get();
        }
    }

    /// The region that has the name.
    #[must_use]
    pub fn id(&self, index: NameIndex) -> Option<RegionId> {
        RegionId::from_raw(self.records.u64(index.at(), ID))
    }

    /// Gives the name to another region.
    pub fn set_id(&mut self, index: NameIndex, id: RegionId) {
        self.records.set_u64(index.at(), ID, id.get());
    }

    /// The text.
    #[must_use]
    pub fn text(&self, index: NameIndex) -> &str {
        // Only graphic ASCII was ever taken.
        core::str::from_utf8(bytes(&self.records, index)).unwrap_or_default()
    }

    /// The text, if the number is in use.
    #[must_use]
    pub fn taken(&self, index: NameIndex) -> Option<&str> {
        let is_taken = index.get() < self.fresh && self.id(index).is_some();
        is_taken.then(|| self.text(index))
    }

    /// Every number that is in use is below this.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.fresh
    }

    fn take_record(&mut self) -> Option<NameIndex> {
        let index = match NameIndex::new(self.free) {
            Some(index) => {
                self.free = self.records.u32(index.at(), NEXT_FREE);
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

fn bytes(records: &Records<RECORD_BYTES>, index: NameIndex) -> &[u8] {
    let record = records.record(index.at());
    record[TEXT..].get(..usize::from(record[LENGTH])).unwrap_or_default()
}

/// Clients choose the names, so the hash is keyed: nobody can aim at one bucket.
fn hash(seed: u64, text: &[u8]) -> u64 {
    #[expect(deprecated, reason = "as above")]
    let mut hasher = SipHasher::new_with_keys(seed, seed.rotate_left(32) ^ 0x766d_616c_6c6f_6321);
    hasher.write(text);
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
mod tests {
    use super::*;
    use crate::buffers::HeapBuffers;

    fn id(raw: u64) -> RegionId {
        RegionId::from_raw(raw).unwrap()
    }

    #[test]
    fn names_are_found_renamed_and_given_back() {
        let mut names = Names::try_new(&HeapBuffers, 2, 7).unwrap();
        let one = names.insert(b"one", id(1)).unwrap();
        let two = names.insert(b"two", id(2)).unwrap();
        assert!(names.insert(b"three", id(3)).is_none(), "the table is full");
        assert_eq!(names.find(b"one"), Some(one));
        assert_eq!((names.id(two), names.text(two)), (Some(id(2)), "two"));
        names.remove(one);
        names.remove(one);
        assert_eq!((names.find(b"one"), names.count()), (None, 1));
        let three = names.insert(b"three", id(3)).unwrap();
        assert_eq!(names.text(three), "three");
    }

    #[test]
    fn churn_never_grows_the_table() {
        let mut names = Names::try_new(&HeapBuffers, 100, 7).unwrap();
        let bytes = names.table.allocation_size();
        let text = |number: usize| format!("k:{number}").into_bytes();
        for number in 0..20_000 {
            names.insert(&text(number), id(1)).unwrap();
            if let Some(old) = number.checked_sub(99) {
                let index = names.find(&text(old)).unwrap();
                names.remove(index);
            }
        }
        assert_eq!(names.table.allocation_size(), bytes);
    }

    #[test]
    fn what_can_be_a_name() {
        for text in ["a", "k:000000000001", "~!#$%&'()*+,-./:;<=>?[]^_`{|}", &"x".repeat(64)] {
            assert!(Names::is_valid(text.as_bytes()), "{text}");
        }
        for text in ["", "a b", "a@b", "a\"", "a\\", "\u{e4}", "a\n", "\0", &"x".repeat(65)] {
            assert!(!Names::is_valid(text.as_bytes()), "{text}");
        }
    }
}
