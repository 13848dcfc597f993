//! Checks that TLB entries are current or belong to lazy areas.

use std::collections::{HashMap, HashSet};

use vmalloc::{CpuId, Frame, Page};

use super::map::RunState;
use super::{Held, World};

impl World<'_> {
    /// Asserts that every TLB entry of a CPU that is awake agrees with the page tables or belongs
    /// to a lazy area: it maps a frame of a freed region, or the old address of a moved one. It
    /// must not map a frame that belongs to another region. The machine itself checks that it maps
    /// no free frame.
    pub(super) fn verify_tlbs(&self, owners: &HashMap<Frame, &Held>) {
        let out_of_reach: HashSet<Frame> = self
            .runs
            .iter()
            .filter(|run| matches!(run.state, RunState::Free))
            .flat_map(|run| run.frames.iter().copied())
            .collect();
        let is_lazy = self.vm.stats().areas_lazy > 0;
        for cpu in (0..self.shape.cpus).filter(|cpu| !self.asleep[*cpu as usize]) {
            for (page, frame) in self.vm.machine().translations(CpuId(cpu)) {
                let page: Page = page;
                let now = self.vm.translate(page.start_address()).map(Frame::containing_address);
                if now == Some(frame) {
                    continue;
                }
                assert_eq!(now, None, "{page:?} has another owner, CPU {cpu} knows {frame:?}");
                assert!(is_lazy, "no area is lazy, CPU {cpu} knows {page:?}");
                let owner = owners.get(&frame).map(|held| held.id);
                let is_old_place = owner.is_some() && self.moved.get(&page).copied() == owner;
                assert!(owner.is_none() || is_old_place, "{page:?} reaches {owner:?}'s {frame:?}");
                assert!(!out_of_reach.contains(&frame), "{page:?} reaches {frame:?} on {cpu}");
            }
        }
    }
}
