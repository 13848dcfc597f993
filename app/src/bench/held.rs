//! Regions that a workload keeps for a while.

use vmalloc::{Machine, Region, RegionId, Vmalloc};

/// A pile of regions. Each notes the one below it in its own first bytes, so that keeping thousands
/// takes no other memory.
pub(super) struct Held<M: Machine + 'static> {
    vm: &'static Vmalloc<M>,
    /// The id of the one on top; 0 where there is none.
    top: u64,
}

impl<M: Machine> Held<M> {
    /// Nothing yet.
    pub(super) fn new(vm: &'static Vmalloc<M>) -> Self {
        Self { vm, top: 0 }
    }

    /// Keeps a region; false, and it is freed, if it cannot be written to.
    pub(super) fn push(&mut self, region: Region<'static, M>) -> bool {
        let below = self.top.to_le_bytes();
        if self.vm.machine().write(region.address(), &below).is_err() {
            return false;
        }
        self.top = region.into_raw().get();
        true
    }

    /// Frees the one on top; false where there is none.
    fn pop(&mut self) -> bool {
        let Some(id) = RegionId::from_raw(self.top) else { return false };
        let mut below = [0; 8];
        let read = |info: vmalloc::RegionInfo| {
            self.vm.machine().read(info.range.address(), &mut below).is_ok()
        };
        // Whatever is below one that somebody else has freed stays: it is the image's loss, and the
        // audit names it.
        if !self.vm.info(id).is_ok_and(read) || self.vm.vfree(id).is_err() {
            return false;
        }
        self.top = u64::from_le_bytes(below);
        true
    }
}

impl<M: Machine> Drop for Held<M> {
    fn drop(&mut self) {
        while self.pop() {}
    }
}
