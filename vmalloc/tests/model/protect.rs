//! Changes rights, and checks that every CPU uses the new rights when the call returns.

use vmalloc::{PAGE_BYTES, Protection, RegionError};
use x86_64::VirtAddr;

use super::World;
use super::contents::allowed;

impl World<'_> {
    pub(super) fn protect(&mut self, which: u32, protection: Protection) {
        let Some(start) = self.pick(which) else { return };
        if self.must_not_wait() {
            return;
        }
        let held = self.held.get_mut(&start).expect("just picked");
        let id = held.id;
        let result = match self.owners.get_mut(&id) {
            Some(owner) => owner.protect(protection),
            None => self.vm.protect(id, protection),
        };
        if held.deferred {
            assert_eq!(result, Err(RegionError::Gone { id }));
            return;
        }
        if let Some(promised) = held.promised {
            let includes = |kind| allowed(promised).contains(&(kind, true));
            let more = allowed(protection).into_iter().any(|(kind, may)| may && !includes(kind));
            if more {
                assert_eq!(result, Err(RegionError::NotPromised { id }));
                return;
            }
        }
        assert_eq!(result, Ok(()));
        held.protection = protection;
        let held = &self.held[&start];
        let last = VirtAddr::new(start + (held.pages() - 1) * PAGE_BYTES);
        self.everywhere(|cpu| {
            for at in [VirtAddr::new(start), last] {
                for (kind, is_allowed) in allowed(protection) {
                    let may = self.vm.machine().probe(at, kind).is_ok();
                    assert_eq!(may, is_allowed, "{kind:?} at {at:?} on {cpu:?}");
                }
            }
        });
    }
}
