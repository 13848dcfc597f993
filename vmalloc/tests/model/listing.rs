//! Continues one listing over several steps, while regions are allocated and freed.

use std::collections::{BTreeMap, HashSet};

use vmalloc::{Cursor, RegionId, RegionState};

use super::World;

/// The areas that the listing has returned, and those that it must still return.
pub(super) struct Listing {
    cursor: Cursor,
    /// Regions that have existed at the same address since the listing began.
    unseen: BTreeMap<RegionId, u64>,
    seen: HashSet<(RegionId, u64)>,
    /// The slot of the last lazy area.
    lazy: u32,
}

impl World<'_> {
    /// Lists the next `areas` areas. Begins a new listing after the last area.
    pub(super) fn list(&mut self, areas: u32) {
        let begin = || Listing {
            cursor: Cursor::START,
            unseen: self.held.iter().map(|(start, held)| (held.id, *start)).collect(),
            seen: HashSet::new(),
            lazy: 0,
        };
        let mut listing = self.listing.take().unwrap_or_else(begin);
        for _ in 0..areas {
            let cursor = Cursor::from_raw(listing.cursor.get());
            let Some((info, next)) = self.vm.next_area(cursor) else {
                assert!(listing.unseen.is_empty(), "never listed: {:?}", listing.unseen);
                return;
            };
            let place = (info.id, info.range.address().as_u64());
            if info.state == RegionState::Busy {
                assert!(listing.seen.insert(place), "{info:?} is listed twice");
                assert_eq!(self.held.get(&place.1).map(|held| held.id), Some(info.id));
                assert_eq!(listing.lazy, 0, "{info:?} comes after what is lazy");
                listing.unseen.remove(&info.id);
            } else {
                assert!(listing.unseen.is_empty(), "never listed: {:?}", listing.unseen);
                assert!(info.id.slot() > listing.lazy, "{info:?} is listed twice");
                listing.lazy = info.id.slot();
            }
            listing.cursor = next;
        }
        self.listing = Some(listing);
    }

    /// Removes areas that were freed or moved, because the listing need not return them.
    pub(super) fn settle_listing(&mut self) {
        if let Some(listing) = &mut self.listing {
            listing
                .unseen
                .retain(|id, start| self.held.get(start).is_some_and(|held| held.id == *id));
        }
    }
}
