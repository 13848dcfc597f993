//! An allocator for collections that live in the window: one region for each allocation.
//!
//! Meant for large collections, because every allocation takes whole pages and a guard page. A
//! collection that outgrows its addresses is moved by its page-table entries; its bytes are not
//! copied.
//!
//! The addresses of the simulator are not valid on the host, so this module does not work there. A
//! kernel declares with [`Direct`] that the addresses of its window are valid pointers.
//!
//! ```text
//! // Not run here: the simulator's addresses cannot be dereferenced.
//! let mut samples = allocator_api2::vec::Vec::new_in(InWindow(&vm));
//! samples.extend(0..1_000_000u64);
//! ```
#![expect(unsafe_code, reason = "regions become pointers")]

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};
use x86_64::VirtAddr;

use crate::allocator::Vmalloc;
use crate::machine::Machine;
use crate::region::RegionInfo;
use crate::request::Request;

/// A machine whose window is mapped for the running code, so that addresses of the window are valid
/// pointers.
///
/// # Safety
///
/// An implementor guarantees that loads and stores of the running code are translated by the tables
/// below [`Machine::root`], on every CPU that uses the allocator.
pub unsafe trait Direct: Machine {}

/// Allocates from a window. All copies of this value use the same window.
#[derive(Debug)]
pub struct InWindow<'v, M: Direct>(pub &'v Vmalloc<M>);

impl<M: Direct> Clone for InWindow<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Direct> Copy for InWindow<'_, M> {}

fn address(pointer: NonNull<u8>) -> VirtAddr {
    VirtAddr::from_ptr(pointer.as_ptr())
}

/// Returns the bytes of a region as a pointer. The caller owns the region.
fn bytes(info: &RegionInfo) -> NonNull<[u8]> {
    let length = usize::try_from(info.range.count().bytes()).unwrap_or(usize::MAX);
    let first = NonNull::new(info.range.address().as_mut_ptr()).expect("no region lies at 0");
    NonNull::slice_from_raw_parts(first, length)
}

impl<M: Direct> InWindow<'_, M> {
    fn take(&self, layout: Layout, zeroed: bool) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            let dangling =
                NonNull::without_provenance(layout.align().try_into().map_err(|_| AllocError)?);
            return Ok(NonNull::slice_from_raw_parts(dangling, 0));
        }
        let request = Request::try_new(layout.size() as u64)
            .and_then(|request| request.align(layout.align() as u64))
            .map_err(|_| AllocError)?;
        let request = if zeroed { request.zeroed() } else { request };
        let region = self.0.allocate(&request).map_err(|_| AllocError)?;
        let info = region.info();
        // From here on the pointer owns the region.
        let _ = region.into_raw();
        Ok(bytes(&info))
    }

    /// Resizes a region in place or by moving its entries. Returns `None` if the alignment does not
    /// allow this.
    fn resize(
        &self,
        old: NonNull<u8>,
        layout: Layout,
    ) -> Option<Result<NonNull<[u8]>, AllocError>> {
        let info = self.0.find(address(old))?;
        // A move keeps only the alignment of the old allocation, which is at least a page. If the
        // new layout needs more than a page, the caller allocates and copies.
        let is_page = layout.align() as u64 <= crate::page::PAGE_BYTES;
        if !is_page || layout.size() == 0 {
            return None;
        }
        let resized = self.0.vrealloc(info.id, layout.size() as u64);
        Some(resized.map(|(info, _)| bytes(&info)).map_err(|_| AllocError))
    }
}

// SAFETY: 1. A region stays mapped, readable and writable until it is freed by its address, which
// only the owner of the pointer knows. 2. Copies share the window. 3. Resizing keeps the first
// bytes.
unsafe impl<M: Direct> Allocator for InWindow<'_, M> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.take(layout, false)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.take(layout, true)
    }

    unsafe fn deallocate(&self, pointer: NonNull<u8>, layout: Layout) {
        if layout.size() > 0 {
            let freed = self.0.vfree_at(address(pointer));
            assert!(freed.is_ok(), "{pointer:?} was not allocated here: {freed:?}");
        }
    }

    unsafe fn grow(
        &self,
        pointer: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() > 0
            && let Some(resized) = self.resize(pointer, new)
        {
            return resized;
        }
        // SAFETY: the caller of `grow` gives up the old block if this succeeds.
        unsafe { self.copy(pointer, old, new, old.size()) }
    }

    unsafe fn shrink(
        &self,
        pointer: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() > 0
            && let Some(resized) = self.resize(pointer, new)
        {
            return resized;
        }
        // SAFETY: as in `grow`.
        unsafe { self.copy(pointer, old, new, new.size()) }
    }
}

impl<M: Direct> InWindow<'_, M> {
    /// Copies bytes to a new block and frees the old one.
    ///
    /// # Safety
    ///
    /// The block at `pointer` was allocated with `old`, and the caller gives it up if this
    /// succeeds. Both blocks have at least `count` bytes.
    unsafe fn copy(
        &self,
        pointer: NonNull<u8>,
        old: Layout,
        new: Layout,
        count: usize,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.allocate(new)?;
        // SAFETY: both blocks hold `count` bytes and are distinct.
        unsafe { block.cast::<u8>().copy_from_nonoverlapping(pointer, count) };
        // SAFETY: the caller gives the old block up.
        unsafe { self.deallocate(pointer, old) };
        Ok(block)
    }
}
