//! Makes regions.
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
    /// As [`allocate`](Self::allocate): whole pages that can be read and written, aligned to a page.
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

    /// Allocates `bytes` bytes that read as zeros, up to the end of the last page.
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
    /// As [`allocate`](Self::allocate); every frame that [`fill_zeroed`](Self::fill_zeroed) has not
    /// cleared before is cleared now.
    pub fn vzalloc(&self, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
        let request = Request::try_new(bytes).map_err(VmallocError::Request)?.zeroed();
        self.allocate(&request).map_err(VmallocError::Allocate)
    }

    /// Allocates `bytes` bytes with undefined contents on frames of a NUMA node, and of others where
    /// that has too few.
    ///
    /// # Shape
    ///
    /// As [`vmalloc`](Self::vmalloc). [`frames_per_node`](Self::frames_per_node) says what it got.
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
    /// Whole pages at adjacent addresses on frames from anywhere, aligned to at least a page, with one
    /// unmapped guard page behind. Contents are undefined unless the request says
    /// [`zeroed`](Request::zeroed).
    ///
    /// # Errors
    ///
    /// After an error the state is unchanged. Before one of the last three errors is reported, the
    /// request has been retried after a [`reclaim`](Self::reclaim).
    ///
    /// - [`AllocateError::TooBig`]: more than clients could ever have.
    /// - [`AllocateError::RegionsExhausted`]: no region slot is free.
    /// - [`AllocateError::WindowExhausted`]: no run of addresses is long enough.
    /// - [`AllocateError::FramesExhausted`]: too few frames for the pages or the tables.
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages), and O(log n) in the free runs where no pool has the length. O(n) for an alignment
    /// above a page, before exhaustion is reported.
    ///
    /// # Source
    ///
    /// Linux's `__vmalloc_node_range`.
    #[inline]
    pub fn allocate(&self, request: &Request) -> Result<Region<'_, M>, AllocateError> {
        fast_path::allocate(&self.core, request)
    }

    /// Maps frames of the caller at adjacent addresses, in order, with a guard page behind.
    ///
    /// The pools make it cheap enough for maps that last a moment: there is no second interface for
    /// those.
    ///
    /// # Shape
    ///
    /// One page for each frame. The entries set no memory type: the CPU's memory type ranges decide
    /// about caching.
    ///
    /// # Errors
    ///
    /// As [`allocate`](Self::allocate). No frames at all are [`AllocateError::TooBig`].
    ///
    /// # Safety
    ///
    /// The caller owns the frames and gives up the uses that `protection` allows to the region
    /// until [`vunmap`](Self::vunmap) has returned, or the ticket of
    /// [`vunmap_lazy`](Self::vunmap_lazy) is redeemed, or, where the region is just dropped, until
    /// the next purge. They need not be RAM that the crate knows.
    ///
    /// # Context
    ///
    /// As [`allocate`](Self::allocate).
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
