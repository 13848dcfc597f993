//! The state and the flags of a region, which decide whether the region may be used or changed.

use vmalloc::RegionId;

use super::Ledger;
use super::fields::STATE;
use super::state::State;

const STATE_MASK: u32 = 0xff;
/// Flag: the value of the region is empty.
const EMPTY: u32 = 1 << 8;
/// Flag: a request in flight will replace the region, and is charged only by the difference.
const CREDITED: u32 = 1 << 9;
/// One reader. The upper half of the field counts the replies that are copied out of the region. It
/// can hold more than the maximum number of connections.
const READER: u32 = 1 << 16;

impl Ledger {
    /// Marks a region as replaced by a request in flight, so that the request is credited with its
    /// pages. Returns `false` if another request is already credited with these pages.
    pub(in crate::service) fn credit(&mut self, id: RegionId) -> bool {
        let state = self.fields.get(id.slot(), STATE);
        let is_first = self.fields.holds(id) && state & CREDITED == 0;
        if is_first {
            self.fields.set(id.slot(), STATE, state | CREDITED);
        }
        is_first
    }

    /// Removes the mark of [`credit`](Self::credit), if the region still exists.
    pub(in crate::service) fn uncredit(&mut self, id: RegionId) {
        if self.fields.holds(id) {
            self.fields.set(id.slot(), STATE, self.fields.get(id.slot(), STATE) & !CREDITED);
        }
    }

    /// Sets the state of a region, which tells whether it may be used.
    pub(in crate::service) fn set_state(&mut self, id: RegionId, state: State) {
        if self.fields.holds(id) {
            let rest = self.fields.get(id.slot(), STATE) & !STATE_MASK;
            self.fields.set(id.slot(), STATE, rest | state as u32);
        }
    }

    /// Returns the state of a region, or `None` if it has no record.
    #[must_use]
    pub(in crate::service) fn state(&self, id: RegionId) -> Option<State> {
        let known = [State::Fresh, State::Ready, State::Changing];
        let state = self.fields.get(id.slot(), STATE) & STATE_MASK;
        known.into_iter().find(|known| self.fields.holds(id) && *known as u32 == state)
    }

    /// Sets whether the value of the region is empty. The library cannot tell, because its regions
    /// have at least one byte.
    pub(in crate::service) fn set_empty(&mut self, id: RegionId, is_empty: bool) {
        if self.fields.holds(id) {
            let rest = self.fields.get(id.slot(), STATE) & !EMPTY;
            self.fields.set(id.slot(), STATE, rest | if is_empty { EMPTY } else { 0 });
        }
    }

    /// Returns whether the value of the region is empty.
    #[must_use]
    pub(in crate::service) fn is_empty(&self, id: RegionId) -> bool {
        self.fields.holds(id) && self.fields.get(id.slot(), STATE) & EMPTY != 0
    }

    /// Counts a reply that is copied out of the region.
    pub(in crate::service) fn add_reader(&mut self, id: RegionId) {
        if self.fields.holds(id) {
            self.fields.set(id.slot(), STATE, self.fields.get(id.slot(), STATE) + READER);
        }
    }

    /// Subtracts a reply that was copied out of the region. Returns whether no other reader is
    /// left.
    pub(in crate::service) fn remove_reader(&mut self, id: RegionId) -> bool {
        if self.has_readers(id) {
            self.fields.set(id.slot(), STATE, self.fields.get(id.slot(), STATE) - READER);
        }
        !self.has_readers(id)
    }

    /// Returns whether replies are being copied out of the region. The region must not change until
    /// then.
    #[must_use]
    pub(in crate::service) fn has_readers(&self, id: RegionId) -> bool {
        self.fields.holds(id) && self.fields.get(id.slot(), STATE) >= READER
    }
}
