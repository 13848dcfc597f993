//! The regions that other clients try to access. Only regions without a name are used.

use std::collections::BTreeMap;

use crate::workload::Random;

/// The regions that other clients may try to access.
///
/// The owner neither frees nor resizes a region during an attempt. The region is therefore alive from before
/// the request is sent until its reply arrives, so only a refusal is correct.
#[derive(Debug, Default)]
pub(super) struct Exposed {
    ids: Vec<u64>,
    regions: BTreeMap<u64, Exposure>,
}

#[derive(Debug)]
struct Exposure {
    owner: usize,
    index: usize,
    attempts: u32,
}

impl Exposed {
    /// Permits other clients to try to access the region `id`.
    pub(super) fn expose(&mut self, owner: usize, id: u64) {
        if !self.regions.contains_key(&id) {
            self.regions.insert(id, Exposure { owner, index: self.ids.len(), attempts: 0 });
            self.ids.push(id);
        }
    }

    /// Removes a region from this list. Returns `false` if an attempt is in progress.
    pub(super) fn withdraw(&mut self, id: u64) -> bool {
        match self.regions.get(&id) {
            Some(exposure) if exposure.attempts > 0 => false,
            Some(_) => {
                self.forget(id);
                true
            }
            None => true,
        }
    }

    /// Removes a region whose owner has ended, even if an attempt is in progress.
    pub(super) fn forget(&mut self, id: u64) {
        let Some(exposure) = self.regions.remove(&id) else { return };
        self.ids.swap_remove(exposure.index);
        let moved = self.ids.get(exposure.index).and_then(|id| self.regions.get_mut(id));
        if let Some(moved) = moved {
            moved.index = exposure.index;
        }
    }

    /// Chooses a region of another client for an attempt, and begins the attempt.
    pub(super) fn begin(&mut self, client: usize, random: &mut Random) -> Option<u64> {
        let id = *self.ids.get(random.index(self.ids.len())?)?;
        let exposure = self.regions.get_mut(&id).filter(|exposure| exposure.owner != client)?;
        exposure.attempts += 1;
        Some(id)
    }

    /// Ends an attempt. Its reply has arrived, or will never arrive because the connection has ended.
    pub(super) fn end(&mut self, id: u64) {
        if let Some(exposure) = self.regions.get_mut(&id) {
            exposure.attempts -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_stays_while_it_is_tried() {
        let mut exposed = Exposed::default();
        let mut random = Random::new(1, 1);
        exposed.expose(1, 70);
        assert_eq!(exposed.begin(1, &mut random), None, "one's own region was picked");
        assert_eq!(exposed.begin(2, &mut random), Some(70));
        assert!(!exposed.withdraw(70));
        exposed.end(70);
        assert!(exposed.withdraw(70) && exposed.begin(2, &mut random).is_none());
        assert!(exposed.withdraw(70), "a region that was never exposed can be freed");
    }

    #[test]
    fn remaining_regions_can_still_be_picked() {
        let mut exposed = Exposed::default();
        let mut random = Random::new(1, 1);
        for id in 1..=4 {
            exposed.expose(0, id);
        }
        assert!(exposed.withdraw(1) && exposed.withdraw(3));
        let mut seen: Vec<_> = (0..50).filter_map(|_| exposed.begin(9, &mut random)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [2, 4]);
        assert!(!exposed.withdraw(2) && !exposed.withdraw(4));
    }
}
