//! TLB entries must be current, or belong to lazy areas.

use std::collections::{HashMap, HashSet};

use vmalloc::{CpuId, Frame, Page};

use super::map::RunState;
use super::{Held, World};

impl World<'_> {
    /// A TLB entry of a CPU that is awake agrees with the tables, or belongs to a lazy area: the
    /// frame of a freed region, or the old address of a moved one. It never reaches a frame that is
    /// free (the machine checks that) or that belongs to another region.
    pub(super) fn verify_tlbs(&self, owners: &HashMap<Frame, &Held>) {
        let out_of_reach: HashSet<Frame> = self
            .runs
            .iter()
            .filter(|run| run.state == RunState::Free)
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
