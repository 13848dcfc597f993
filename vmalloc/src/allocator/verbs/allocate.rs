//! Methods that create regions.
#![expect(unsafe_code, reason = "the caller of `vmap` vouches for its frames")]

use crate::allocator::handle::Region;
use crate::allocator::parts::Vmalloc;
use crate::allocator::{fast_path, map};
use crate::error::{AllocateError, VmallocError};
use crate::machine::Machine;
use crate::page::Frame;
use crate::request::{Protection, Request};

impl<M: Machine> Vmalloc<M> {
    /// Allocates `bytes` bytes with undefined contents.
    ///
    /// # Shape
    ///
    /// As for [`allocate`](Self::allocate): whole pages that can be read and written, aligned to a
    /// page.
    ///
    /// # Errors
    ///
    /// As [`Request::try_new`] and [`allocate`](Self::allocate).
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// As [`allocate`](Self::allocate).
    ///
    /// # Examples
    ///
    /// ```
    /// use vmalloc::sim;
    ///
    /// let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
    /// let region = vm.vmalloc(5_000)?;
    /// assert_eq!((region.bytes(), region.info().requested), (8_192, 5_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn vmalloc(&self, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
        fast_path::reuse_backed(&self.core, bytes)
    }

    /// Allocates `bytes` bytes that contain zeros, up to the end of the last page.
    ///
    /// # Shape
    ///
    /// As [`vmalloc`](Self::vmalloc), but zeroed.
    ///
    /// # Errors
    ///
    /// As [`Request::try_new`] and [`allocate`](Self::allocate).
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// As for [`allocate`](Self::allocate). Frames that [`fill_zeroed`](Self::fill_zeroed) has
    /// cleared are used first; all other frames are cleared now.
    pub fn vzalloc(&self, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
        let request = Request::try_new(bytes).map_err(VmallocError::Request)?.zeroed();
        self.allocate(&request).map_err(VmallocError::Allocate)
    }

    /// Allocates `bytes` bytes with undefined contents on frames of a NUMA node. If the node has
    /// too few free frames, takes frames of other nodes too.
    ///
    /// # Shape
    ///
    /// As for [`vmalloc`](Self::vmalloc). [`frames_per_node`](Self::frames_per_node) returns how
    /// many frames each node has given.
    ///
    /// # Errors
    ///
    /// As [`Request::try_new`], [`Request::prefer_node`] and [`allocate`](Self::allocate).
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    pub fn vmalloc_node(&self, bytes: u64, node: u32) -> Result<Region<'_, M>, VmallocError> {
        let request = Request::try_new(bytes).and_then(|request| request.prefer_node(node));
        self.allocate(&request.map_err(VmallocError::Request)?).map_err(VmallocError::Allocate)
    }

    /// Allocates a region.
    ///
    /// # Shape
    ///
    /// Whole pages at adjacent addresses, aligned to at least a page, with one unmapped guard page
    /// behind them. The frames need not be adjacent. The contents are undefined unless the request
    /// is [`zeroed`](Request::zeroed).
    ///
    /// # Errors
    ///
    /// After an error the state is unchanged. A request that could never be served, even if all
    /// other regions were freed, is refused without a flush. For other requests the last three
    /// errors are returned only after a second attempt with everything that is cached, and, if
    /// lazy areas could be enough, after a [`reclaim`](Self::reclaim) and another attempt.
    ///
    /// - [`AllocateError::TooBig`]: the size exceeds all memory that the request may have.
    /// - [`AllocateError::RegionsExhausted`]: no region slot is free.
    /// - [`AllocateError::WindowExhausted`]: no free run of addresses is long enough.
    /// - [`AllocateError::FramesExhausted`]: too few frames are free for the pages or the tables.
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails, or if cached page tables are in the
    /// places of large leaves: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages), plus O(log n) in the number of free runs if no pool has an area of this length. If
    /// the alignment exceeds a page, O(n) before exhaustion is reported.
    ///
    /// # Source
    ///
    /// Linux's `__vmalloc_node_range`.
    #[inline]
    pub fn allocate(&self, request: &Request) -> Result<Region<'_, M>, AllocateError> {
        fast_path::allocate(&self.core, request)
    }

    /// Maps frames of the caller at adjacent addresses, in their order, with a guard page behind
    /// them.
    ///
    /// Pools make this fast enough for short-lived maps, so there is no second interface for these.
    ///
    /// # Shape
    ///
    /// One page for each frame. The entries do not set a memory type: the memory type range
    /// registers (MTRRs) of the CPU decide about caching.
    ///
    /// # Errors
    ///
    /// As for [`allocate`](Self::allocate). An empty list of frames returns
    /// [`AllocateError::TooBig`].
    ///
    /// # Safety
    ///
    /// The caller owns the frames. Until the region is unmapped, the caller makes no access to the
    /// frames that conflicts with the accesses that `protection` allows. Safe code can take rights
    /// from the region and give them back, but no right that `protection` does not have. This duty ends when
    /// [`vunmap`](Self::vunmap) returns, when the ticket of [`vunmap_lazy`](Self::vunmap_lazy) is
    /// flushed, or, if the region is only dropped, at the next purge. The frames need not be memory
    /// of the window.
    ///
    /// # Context
    ///
    /// As for [`allocate`](Self::allocate).
    ///
    /// # Source
    ///
    /// Linux's `vmap`, `vm_map_ram`.
    pub unsafe fn vmap(
        &self,
        frames: &[Frame],
        protection: Protection,
        caller: &'static str,
    ) -> Result<Region<'_, M>, AllocateError> {
        map::map(&self.core, frames, protection, caller)
    }
}
