//! An allocator for collections that live in the window: one region for each allocation.
//!
//! For large ones: every allocation takes whole pages and a guard page of addresses. A collection
//! that grows beyond its addresses moves by its page-table entries; its bytes are not copied.
//!
//! The simulator's addresses are not the host's, so this cannot be tried there; a kernel says by
//! [`Direct`] that its window's addresses are real.
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

/// A machine whose window is mapped for the code that runs: its addresses are pointers.
///
/// # Safety
///
/// An implementor promises that loads and stores of the running code are translated by the tables
/// below [`Machine::root`], on every CPU that uses the allocator.
pub unsafe trait Direct: Machine {}

/// Allocates from a window. Copies are the same allocator.
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

/// The bytes of a region. The region is the caller's.
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
        // The pointer owns it from here on.
        let _ = region.into_raw();
        Ok(bytes(&info))
    }

    /// Resizes in place or moves the entries, where the alignment allows it.
    fn resize(
        &self,
        old: NonNull<u8>,
        layout: Layout,
    ) -> Option<Result<NonNull<[u8]>, AllocError>> {
        let info = self.0.find(address(old))?;
        // A region keeps the alignment that it was allocated with, not one that it happens to have.
        let is_page = layout.align() as u64 <= crate::page::PAGE_BYTES;
        if !is_page || layout.size() == 0 {
            return None;
        }
        let resized = self.0.vrealloc(info.id, layout.size() as u64);
        Some(resized.map(|(info, _)| bytes(&info)).map_err(|_| AllocError))
    }
}

// SAFETY: 1. A region is mapped, readable and writable, until it is freed by its address, which no
// other code knows. 2. Copies share the window. 3. Resizing keeps the first bytes.
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
        // SAFETY: the caller gives the block up if this succeeds, as `grow` has it.
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
    /// Copies to a new block and frees the old one.
    ///
    /// # Safety
    ///
    /// The block at `pointer` was allocated with `old` and is given up if this succeeds; `count`
    /// bytes are in both.
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
