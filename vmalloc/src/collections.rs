//! An allocator for collections that live in the window: one region for each allocation.
//!
//! Meant for large collections, because every allocation takes whole pages and a guard page. A
//! collection that outgrows its addresses is moved by its page-table entries; its bytes are not
//! copied. A move keeps the alignment of the collection. So bytes are copied only if a collection
//! requests a higher alignment than before, and one above a page.
//!
//! The collection owns its region as a [`Region`] would: an attempt to free, resize, protect or own
//! the region by its id or address returns [`RegionError::Owned`](crate::RegionError::Owned).
//!
//! A kernel declares with [`Direct`] that the addresses of its window are valid pointers. The
//! addresses of the simulator are not, so this module does not work there.
//!
//! ```
//! use allocator_api2::vec::Vec;
//! use hashbrown::{DefaultHashBuilder, HashMap};
//! use vmalloc::collections::InWindow;
//! use vmalloc::{Direct, Vmalloc};
//!
//! fn squares<M: Direct>(vm: &Vmalloc<M>) -> Vec<u64, InWindow<'_, M>> {
//!     let mut squares = Vec::new_in(InWindow(vm));
//!     squares.extend((0..1_000_000).map(|number| number * number));
//!     squares
//! }
//!
//! fn names<M: Direct>(vm: &Vmalloc<M>) -> HashMap<u64, &str, DefaultHashBuilder, InWindow<'_, M>> {
//!     let mut names = HashMap::new_in(InWindow(vm));
//!     names.insert(7, "seven");
//!     names
//! }
//! ```
#![expect(unsafe_code, reason = "regions become pointers")]

use core::alloc::Layout;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use crate::allocator::{Region, Vmalloc};
use crate::direct::Direct;
use crate::page::PAGE_BYTES;
use crate::request::{Request, Resize};

/// Allocates from a window. All copies of this value use the same window.
#[derive(Debug)]
pub struct InWindow<'v, M: Direct>(pub &'v Vmalloc<M>);

impl<M: Direct> Clone for InWindow<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Direct> Copy for InWindow<'_, M> {}

/// Returns whether a block of the layout `old` can become one of the layout `new` without a copy. A
/// region keeps the alignment with which it was allocated.
fn is_resizable(old: Layout, new: Layout) -> bool {
    let kept = (old.align() as u64).max(PAGE_BYTES);
    old.size() > 0 && new.size() > 0 && new.align() as u64 <= kept
}

impl<M: Direct> InWindow<'_, M> {
    fn take(self, layout: Layout, zeroed: bool) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            let dangling = NonNull::new(core::ptr::without_provenance_mut(layout.align()));
            let dangling = dangling.expect("an alignment is not 0");
            return Ok(NonNull::slice_from_raw_parts(dangling, 0));
        }
        let request = Request::try_new(layout.size() as u64)
            .and_then(|request| request.align(layout.align() as u64))
            .map_err(|_| AllocError)?;
        let request = if zeroed { request.zeroed() } else { request };
        self.0.allocate(&request).map(Region::into_pointer).map_err(|_| AllocError)
    }

    /// Resizes a block, in place or by moving its entries. Returns the block and whether it has the
    /// new size; if not, it is unchanged.
    ///
    /// # Safety
    ///
    /// `pointer` is a block of this allocator, which the caller gives up for the returned one.
    unsafe fn resize(self, pointer: NonNull<u8>, size: usize) -> (NonNull<[u8]>, bool) {
        // SAFETY: the caller guarantees that the pointer owns a region of this window.
        let region = unsafe { Region::from_pointer(self.0, pointer) };
        // The region stays allocated whatever happens, because the collection still has it.
        let mut region = ManuallyDrop::new(region);
        // The collection may use all bytes of its pages, and the crate knows only how many bytes
        // were requested. So the crate must not clear the rest of the last page.
        // A shrink that flushed the guard page would panic if a CPU does not answer. The collection
        // would then have a block whose last pages are unmapped.
        let resized = region.resize(&Resize::to(size as u64).unzeroed().lazy_guard());
        (ManuallyDrop::into_inner(region).into_pointer(), resized.is_ok())
    }

    /// Resizes a block to a larger layout, or else copies it. `zeroed` requests that the bytes
    /// after the old size are zeros.
    ///
    /// # Safety
    ///
    /// As for [`Allocator::grow`].
    unsafe fn enlarge(
        self,
        pointer: NonNull<u8>,
        old: Layout,
        new: Layout,
        zeroed: bool,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if !is_resizable(old, new) {
            // SAFETY: the caller gives up the old block if this succeeds.
            return unsafe { self.copy(pointer, (old, new), old.size(), zeroed) };
        }
        // SAFETY: the caller gives up the old block if this succeeds.
        let (block, is_resized) = unsafe { self.resize(pointer, new.size()) };
        if !is_resized {
            return Err(AllocError);
        }
        if zeroed {
            // SAFETY: the block has more bytes than the old layout.
            let added = unsafe { block.cast::<u8>().add(old.size()) };
            // SAFETY: these bytes belong to the block, to which no reference exists.
            unsafe { added.write_bytes(0, block.len() - old.size()) };
        }
        Ok(block)
    }

    /// Copies bytes to a new block and frees the old one.
    ///
    /// # Safety
    ///
    /// The block at `pointer` was allocated with the first layout, and the caller gives it up if
    /// this succeeds. Both blocks have at least `count` bytes.
    unsafe fn copy(
        self,
        pointer: NonNull<u8>,
        (old, new): (Layout, Layout),
        count: usize,
        zeroed: bool,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.take(new, zeroed)?;
        // SAFETY: both blocks have `count` bytes and are distinct.
        unsafe { block.cast::<u8>().copy_from_nonoverlapping(pointer, count) };
        // SAFETY: the caller gives up the old block.
        unsafe { self.deallocate(pointer, old) };
        Ok(block)
    }
}

// SAFETY: 1. A region stays mapped, readable and writable until its pointer is deallocated, because
// the methods that free, resize or protect regions refuse a region with an owner. 2. Copies share
// the window. 3. Resizing keeps the first bytes.
unsafe impl<M: Direct> Allocator for InWindow<'_, M> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.take(layout, false)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.take(layout, true)
    }

    unsafe fn deallocate(&self, pointer: NonNull<u8>, layout: Layout) {
        if layout.size() > 0 {
            // SAFETY: the caller gives up a block of this allocator.
            drop(unsafe { Region::from_pointer(self.0, pointer) });
        }
    }

    unsafe fn grow(
        &self,
        pointer: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller gives up the old block if this succeeds.
        unsafe { self.enlarge(pointer, old, new, false) }
    }

    unsafe fn grow_zeroed(
        &self,
        pointer: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller gives up the old block if this succeeds.
        unsafe { self.enlarge(pointer, old, new, true) }
    }

    unsafe fn shrink(
        &self,
        pointer: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if !is_resizable(old, new) {
            // SAFETY: the caller gives up the old block if this succeeds.
            return unsafe { self.copy(pointer, (old, new), new.size(), false) };
        }
        // If no slot is free for the pages that a shrink frees, the block keeps its size, which
        // also fits the new layout.
        // SAFETY: the caller gives up the old block.
        Ok(unsafe { self.resize(pointer, new.size()) }.0)
    }
}
