//! The marks of a region: whether it may be used, and by whom.

use vmalloc::RegionId;

use super::Ledger;
use super::fields::STATE;
use super::state::State;

const STATE_MASK: u32 = 0xff;
/// Whether the region holds a value of no bytes.
const EMPTY: u32 = 1 << 8;
/// Whether a request in flight replaces the region, and is charged by the difference.
const CREDITED: u32 = 1 << 9;
/// How many replies are being copied out of the region; there are fewer connections.
const READER: u32 = 1 << 16;

impl Ledger {
    /// Marks a region as one whose pages a request in flight is credited with; false where another
    /// one is already: a region makes room once.
    pub(in crate::service) fn credit(&mut self, id: RegionId) -> bool {
        let state = self.fields.get(id.slot(), STATE);
        let is_first = self.fields.holds(id) && state & CREDITED == 0;
        if is_first {
            self.fields.set(id.slot(), STATE, state | CREDITED);
        }
        is_first
    }

    /// Takes the mark away, if the region is still there.
    pub(in crate::service) fn uncredit(&mut self, id: RegionId) {
        if self.fields.holds(id) {
            self.fields.set(id.slot(), STATE, self.fields.get(id.slot(), STATE) & !CREDITED);
        }
    }

    /// Says whether the region may be used.
    pub(in crate::service) fn set_state(&mut self, id: RegionId, state: State) {
        if self.fields.holds(id) {
            let rest = self.fields.get(id.slot(), STATE) & !STATE_MASK;
            self.fields.set(id.slot(), STATE, rest | state as u32);
        }
    }

    /// Whether the region may be used; `None` where it is not noted.
    #[must_use]
    pub(in crate::service) fn state(&self, id: RegionId) -> Option<State> {
        let known = [State::Fresh, State::Ready, State::Changing];
        let state = self.fields.get(id.slot(), STATE) & STATE_MASK;
        known.into_iter().find(|known| self.fields.holds(id) && *known as u32 == state)
    }

    /// Says whether the region holds a value of no bytes: the library's regions have at least one.
    pub(in crate::service) fn set_empty(&mut self, id: RegionId, is_empty: bool) {
        if self.fields.holds(id) {
            let rest = self.fields.get(id.slot(), STATE) & !EMPTY;
            self.fields.set(id.slot(), STATE, rest | if is_empty { EMPTY } else { 0 });
        }
    }

    /// Whether the region holds a value of no bytes.
    #[must_use]
    pub(in crate::service) fn is_empty(&self, id: RegionId) -> bool {
        self.fields.holds(id) && self.fields.get(id.slot(), STATE) & EMPTY != 0
    }

    /// Notes that a reply is being copied out of the region.
    pub(in crate::service) fn add_reader(&mut self, id: RegionId) {
        if self.fields.holds(id) {
            self.fields.set(id.slot(), STATE, self.fields.get(id.slot(), STATE) + READER);
        }
    }

    /// Notes that such a reply has ended. Returns whether it was the last one.
    pub(in crate::service) fn remove_reader(&mut self, id: RegionId) -> bool {
        if self.has_readers(id) {
            self.fields.set(id.slot(), STATE, self.fields.get(id.slot(), STATE) - READER);
        }
        !self.has_readers(id)
    }

    /// Whether replies are being copied out of the region: it must stay as it is.
    #[must_use]
    pub(in crate::service) fn has_readers(&self, id: RegionId) -> bool {
        self.fields.holds(id) && self.fields.get(id.slot(), STATE) >= READER
    }
}
