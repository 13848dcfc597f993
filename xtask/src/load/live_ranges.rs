//! The addresses of the live regions of all clients.

use std::collections::BTreeMap;
use std::fmt;

use crate::workload::PAGE;

/// The addresses of a region, with the guard page after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AddressRange {
    /// The region's id.
    pub(super) id: u64,
    /// The address of the region's first byte.
    pub(super) start: u64,
    /// The number of mapped bytes of the region.
    pub(super) mapped: u64,
}

impl AddressRange {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.mapped).saturating_add(PAGE)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "region {} at {:#x}-{:#x} with its guard", self.id, self.start, self.end())
    }
}

/// The address ranges that are known to be allocated.
///
/// A range is inserted when the reply that contains it is read, and removed before the request that frees it
/// is sent. The image allocates the range before the first event and frees it after the second. Any two
/// ranges in this set were therefore live at the same time, and an overlap is never a false alarm, regardless
/// of the order in which the image serves the clients.
#[derive(Debug, Default)]
pub(super) struct LiveRanges(BTreeMap<u64, AddressRange>);

impl LiveRanges {
    /// Inserts a range.
    ///
    /// # Errors
    /// The range overlaps the returned range, and is not inserted.
    pub(super) fn insert(&mut self, range: AddressRange) -> Result<(), AddressRange> {
        let before = self.0.range(..range.end()).next_back();
        match before.filter(|(_, other)| other.end() > range.start) {
            Some((_, other)) => Err(*other),
            None => {
                self.0.insert(range.start, range);
                Ok(())
            }
        }
    }

    /// Removes a range, if it is present.
    pub(super) fn remove(&mut self, range: &AddressRange) {
        if self.0.get(&range.start) == Some(range) {
            self.0.remove(&range.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(id: u64, page: u64, pages: u64) -> AddressRange {
        AddressRange { id, start: page * PAGE, mapped: pages * PAGE }
    }

    #[test]
    fn guards_overlap_no_region() {
        let mut live = LiveRanges::default();
        live.insert(range(1, 10, 4)).unwrap();
        // The mapped part is 10 to 13, and the guard is 14.
        live.insert(range(4, 15, 1)).unwrap();
        live.remove(&range(4, 15, 1));
        live.insert(range(2, 20, 1)).unwrap();
        live.insert(range(3, 7, 2)).unwrap();
        for (page, pages, other) in [(14, 1, 1), (12, 1, 1), (10, 4, 1), (6, 1, 3), (15, 9, 2)] {
            assert_eq!(live.insert(range(9, page, pages)).unwrap_err().id, other, "at {page}");
        }
        // This range includes all others.
        assert!(live.insert(range(9, 1, 100)).is_err());
    }

    #[test]
    fn only_inserted_ranges_are_removed() {
        let mut live = LiveRanges::default();
        live.insert(range(1, 10, 4)).unwrap();
        assert!(live.insert(range(2, 10, 4)).is_err());
        live.remove(&range(2, 10, 4));
        assert!(live.insert(range(3, 10, 1)).is_err());
        live.remove(&range(1, 10, 4));
        live.insert(range(3, 10, 1)).unwrap();
    }
}
