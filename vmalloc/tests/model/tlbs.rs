//! What CPUs remember must be true, or lazy.

use std::collections::{HashMap, HashSet};

use vmalloc::{CpuId, Frame, Page};

use super::map::RunState;
use super::{Held, World};

impl World<'_> {
    /// What the TLB of a CPU that is awake holds is what the tables say, or belongs to something
    /// lazy: the frame of a region that is gone, or the old address of one that has moved. It is
    /// never a frame that is free (the machine checks those) or somebody else's.
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
                assert_eq!(now, None, "{page:?} is somebody else's now, CPU {cpu} knows {frame:?}");
                assert!(is_lazy, "nothing is lazy, CPU {cpu} knows {page:?}");
                let owner = owners.get(&frame).map(|held| held.id);
                let is_old_place = owner.is_some() && self.moved.get(&page).copied() == owner;
                assert!(owner.is_none() || is_old_place, "{page:?} reaches {owner:?}'s {frame:?}");
                assert!(!out_of_reach.contains(&frame), "{page:?} reaches {frame:?} on {cpu}");
            }
        }
    }
}
