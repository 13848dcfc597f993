//! Methods that change the size and the rights of regions.

use crate::allocator::parts::Vmalloc;
use crate::allocator::{lookup, protect, resize};
use crate::error::{RegionError, ResizeError};
use crate::id::RegionId;
use crate::machine::Machine;
use crate::region::RegionInfo;
use crate::region::stage::Stage;
use crate::request::{Protection, Resize, Resized};

impl<M: Machine> Vmalloc<M> {
    /// Resizes a region that has no owner, after [`Region::into_raw`](crate::Region::into_raw). The
    /// bytes up to the smaller size and the id stay unchanged; the address may change.
    ///
    /// # Errors
    ///
    /// As for [`resize`](Self::resize).
    ///
    /// # Context
    ///
    /// As for [`resize`](Self::resize).
    ///
    /// # Source
    ///
    /// Linux's `vrealloc`, which copies the bytes.
    pub fn vrealloc(&self, id: RegionId, bytes: u64) -> Result<(RegionInfo, Resized), ResizeError> {
        self.resize(id, &Resize::to(bytes))
    }

    /// Resizes a region that has no owner, after [`Region::into_raw`](crate::Region::into_raw),
    /// with options.
    ///
    /// # Shape
    ///
    /// If the region was allocated zeroed, added bytes contain zeros up to the end of the last
    /// page. A region that moves keeps its alignment; its old addresses fault on every CPU after
    /// the next purge at the latest. After a shrink the new guard page faults on every CPU.
    ///
    /// # Errors
    ///
    /// After an error the region is unchanged.
    ///
    /// - [`ResizeError::Request`]: the size is invalid.
    /// - [`ResizeError::Region`]: as for [`vfree`](Self::vfree).
    /// - [`ResizeError::Allocate`]: as for [`allocate`](Self::allocate). A shrink and a move need a
    ///   slot for the addresses that they free.
    /// - [`ResizeError::MustMove`]: the addresses behind the region are not free, and the request
    ///   excludes a move.
    /// - [`ResizeError::Mapped`]: the region maps frames of the caller.
    ///
    /// # Panics
    ///
    /// If a shrink or the split of a large leaf must flush, and a CPU does not acknowledge for 30
    /// times the time limit of the machine.
    ///
    /// # Context
    ///
    /// Takes locks and may wait for other CPUs; a shrink always waits. For threads with interrupts
    /// on.
    ///
    /// # Complexity
    ///
    /// O(pages that are added, removed or moved). A whole leaf table moves by one entry.
    pub fn resize(
        &self,
        id: RegionId,
        target: &Resize,
    ) -> Result<(RegionInfo, Resized), ResizeError> {
        let how = resize::resize(&self.core, id, Stage::Loose, target)?;
        let info = lookup::info(&self.core, id).map_err(ResizeError::Region)?;
        Ok((info, how))
    }

    /// Changes the rights of a region that has no owner, after
    /// [`Region::into_raw`](crate::Region::into_raw). When this returns, every CPU uses the new
    /// rights.
    ///
    /// No [`Protection`] is both writable and executable. The contents stay, also with
    /// [`Protection::None`].
    ///
    /// # Errors
    ///
    /// After an error the state is unchanged.
    ///
    /// - As for [`vfree`](Self::vfree).
    /// - [`RegionError::NotPromised`]: the region maps frames of the caller of [`vmap`](Self::vmap),
    ///   who has not promised these rights.
    ///
    /// # Panics
    ///
    /// If a CPU does not acknowledge the flush for 30 times the time limit of the machine.
    ///
    /// # Context
    ///
    /// Interrupts other CPUs and waits for them, unless the rights do not change. For threads with
    /// interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages), and a shootdown.
    ///
    /// # Source
    ///
    /// Linux's `set_memory_ro`, `set_memory_rw`, `set_memory_x`, `set_memory_np`. Intel SDM volume 3,
    /// "Propagation of Paging-Structure Changes to Multiple Processors".
    pub fn protect(&self, id: RegionId, protection: Protection) -> Result<(), RegionError> {
        protect::protect(&self.core, id, Stage::Loose, protection)
    }
}
