//! Owners that are pointers: a collection keeps the address of its region and no [`Region`].
//!
//! Such a region stays in the stage `Owned`. So no safe method can free, resize, protect or own it,
//! neither by its id nor by its address.
#![expect(unsafe_code, reason = "a pointer becomes an owner")]

use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::handle::Region;
use super::lookup;
use super::parts::Vmalloc;
use crate::direct::{self, Direct};
use crate::page::Page;
use crate::region::stage::Stage;

impl<'v, M: Direct> Region<'v, M> {
    /// Converts the owner into a pointer to the bytes of the region, which owns the region from now
    /// on.
    pub(crate) fn into_pointer(self) -> NonNull<[u8]> {
        ManuallyDrop::new(self).bytes_pointer()
    }

    /// Returns a pointer to the bytes of the region, up to the end of the last page.
    pub(super) fn bytes_pointer(&self) -> NonNull<[u8]> {
        let length = usize::try_from(self.bytes()).expect("addresses have 64 bits");
        NonNull::slice_from_raw_parts(direct::pointer::<M>(self.address()), length)
    }

    /// Makes the owner of a region from the pointer to its first byte.
    ///
    /// # Panics
    ///
    /// If no owned region starts there.
    ///
    /// # Safety
    ///
    /// [`into_pointer`](Self::into_pointer) returned the pointer for a region of this window, and
    /// the caller gives the pointer up.
    pub(crate) unsafe fn from_pointer(vmalloc: &'v Vmalloc<M>, pointer: NonNull<u8>) -> Self {
        let core = &vmalloc.core;
        let page = Page::containing_address(direct::address::<M>(pointer));
        let is_owned = |id: crate::RegionId| {
            let stage = core.slots().slot(id.slot()).stage(id.generation());
            stage == Some(Stage::Owned as u64)
        };
        let found = lookup::region_of(core, page)
            .filter(|info| info.range.start() == page && is_owned(info.id));
        match found {
            Some(info) => Self::new(core, info.id, info.range),
            None => panic!("{pointer:?} is not the start of an owned region"),
        }
    }
}
