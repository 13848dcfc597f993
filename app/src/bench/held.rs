//! Holds the regions that a workload allocates in advance, and frees them at the end.

use vmalloc::{Access, Region, RegionId, Vmalloc};

use crate::bench::first_bytes;

/// A stack of regions. The first bytes of each region contain the id of the region below it in the stack, so that the
/// stack needs no other memory.
pub(super) struct Held<M: Access + 'static> {
    vm: &'static Vmalloc<M>,
    /// The id of the topmost region, or 0.
    top: u64,
}

impl<M: Access> Held<M> {
    /// Creates an empty stack.
    pub(super) fn new(vm: &'static Vmalloc<M>) -> Self {
        Self { vm, top: 0 }
    }

    /// Pushes a region. If the region cannot be written, frees the region and returns `false`.
    pub(super) fn push(&mut self, region: Region<'static, M>) -> bool {
        let below = self.top.to_le_bytes();
        if !first_bytes::write(self.vm, &region, &below) {
            return false;
        }
        self.top = region.into_raw().get();
        true
    }

    /// Frees the topmost region. Returns `false` if the stack is empty or the region is no longer accessible.
    fn pop(&mut self) -> bool {
        let Some(id) = RegionId::from_raw(self.top) else { return false };
        let mut below = [0; 8];
        let read = |info: vmalloc::RegionInfo| first_bytes::read(self.vm, &info, &mut below);
        // If a client has freed a region of the stack, the id of the region below is lost, and the regions below stay
        // allocated.
        if !self.vm.info(id).is_ok_and(read) || self.vm.vfree(id).is_err() {
            return false;
        }
        self.top = u64::from_le_bytes(below);
        true
    }
}

impl<M: Access> Drop for Held<M> {
    fn drop(&mut self) {
        while self.pop() {}
    }
}
