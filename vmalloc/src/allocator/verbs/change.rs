//! Changes the size and the rights of regions.

use crate::allocator::parts::Vmalloc;
use crate::allocator::{lookup, protect, resize};
use crate::error::{RegionError, ResizeError};
use crate::id::RegionId;
use crate::machine::Machine;
use crate::region::RegionInfo;
use crate::region::stage::Stage;
use crate::request::{Protection, Resize, Resized};

impl<M: Machine> Vmalloc<M> {
    /// Resizes a region that [`Region::into_raw`](crate::Region::into_raw) let go: its first bytes stay as they are, and so
    /// does its id. Its address may change.
    ///
    /// # Errors
    ///
    /// As [`resize`](Self::resize).
    ///
    /// # Context
    ///
    /// As [`resize`](Self::resize).
    ///
    /// # Source
    ///
    /// Linux's `vrealloc`, which copies.
    pub fn vrealloc(&self, id: RegionId, bytes: u64) -> Result<(RegionInfo, Resized), ResizeError> {
        self.resize(id, &Resize::to(bytes))
    }

    /// Resizes a region that [`Region::into_raw`](crate::Region::into_raw) let go, in a chosen way.
    ///
    /// # Shape
    ///
    /// A region that was allocated zeroed reads as zeros in what is added, up to the page's end. A
    /// region that moves keeps its alignment; its old addresses fault, on every CPU, after the next
    /// purge at the latest. A shrink has its guard, on every CPU, when it returns.
    ///
    /// # Errors
    ///
    /// The region is as it was.
    ///
    /// - [`ResizeError::Request`]: the size cannot be asked for.
    /// - [`ResizeError::Region`]: as for [`vfree`](Self::vfree).
    /// - [`ResizeError::Allocate`]: as for [`allocate`](Self::allocate). A shrink and a move need a
    ///   region slot for what they free.
    /// - [`ResizeError::MustMove`]: the addresses behind it are taken, and it must not move.
    /// - [`ResizeError::Mapped`]: its frames are the caller's.
    ///
    /// # Panics
    ///
    /// If another CPU does not answer for 30 times the machine's patience, where a shrink has a new
    /// guard or a large leaf is split.
    ///
    /// # Context
    ///
    /// Takes locks and may wait for other CPUs, a shrink always: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages that are added, removed or moved); of whole leaf tables only one entry moves.
    pub fn resize(
        &self,
        id: RegionId,
        target: &Resize,
    ) -> Result<(RegionInfo, Resized), ResizeError> {
        let how = resize::resize(&self.core, id, Stage::Loose, target)?;
        let info = lookup::info(&self.core, id).map_err(ResizeError::Region)?;
        Ok((info, how))
    }

    /// Changes what the pages of a region that [`Region::into_raw`](crate::Region::into_raw) let go may be used for. When it
    /// returns, every CPU obeys.
    ///
    /// W^X holds by type: no [`Protection`] is both writable and executable. The contents stay, under
    /// [`Protection::None`] too.
    ///
    /// # Errors
    ///
    /// [`RegionError`] as for [`vfree`](Self::vfree). After an error the state is unchanged.
    ///
    /// # Panics
    ///
    /// If another CPU does not answer for 30 times the machine's patience.
    ///
    /// # Context
    ///
    /// Waits for other CPUs and interrupts them, unless the rights stay as they are: for threads with
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
