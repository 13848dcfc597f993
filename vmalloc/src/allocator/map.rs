//! `vmap`: frames of the caller at adjacent addresses, for long or for a moment.

use super::handle::Region;
use super::parts::{Core, Vmalloc};
use super::{flush, reserve, retry};
use crate::error::AllocateError;
use crate::frame::FrameChain;
use crate::id::RegionId;
use crate::machine::Machine;
use crate::page::{Frame, PAGE_BYTES, PageRange};
use crate::paging::{Entry, Mapping};
use crate::region::extent::Traits;
use crate::region::stage::Stage;
use crate::request::{Protection, Request};
use crate::tlb::{FlushReason, Plan};

/// What must have been flushed before frames are out of reach: [`is_flushed`](Self::is_flushed) says whether
/// it has.
///
/// It names the region, not a number of a flush: a purge that was on its way when the region was
/// unmapped ends later, and flushes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "until it is redeemed, CPUs may reach the frames by the old addresses"]
pub struct FlushTicket(RegionId);

impl FlushTicket {
    /// Unmaps a region and says what to wait for.
    pub(super) fn of<M: Machine>(region: Region<'_, M>) -> Self {
        let ticket = Self(region.id());
        drop(region);
        ticket
    }

    /// Whether no CPU reaches the frames that it is about.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    #[must_use]
    pub fn is_flushed<M: Machine>(self, vmalloc: &Vmalloc<M>) -> bool {
        // A slot's generation ends when what it held has been flushed, and never before. The Acquire
        // in `generation` pairs with the Release in `retire`.
        vmalloc.core.slots().slot(self.0.slot()).generation() != self.0.generation()
    }
}

/// Maps frames of the caller at adjacent addresses, in order, with a guard page behind.
///
/// The pools make it cheap enough for maps that last a moment: there is no second interface for
/// those.
///
/// # Shape
///
/// One page for each frame. The entries say nothing of caching: for device registers the CPU's
/// memory type ranges decide.
///
/// # Errors
///
/// As [`allocate`](Self::allocate). No frames at all are [`AllocateError::TooBig`].
///
/// # Safety
///
/// The frames belong to the caller, who does with them what `protection` allows until
/// [`vunmap`](Self::vunmap) has returned, or the ticket of [`vunmap_lazy`](Self::vunmap_lazy) is
/// redeemed, or, where the region is just dropped, until the next purge. They need not be RAM
/// that the crate knows.
///
/// # Context
///
/// As [`allocate`](Self::allocate).
///
/// # Source
///
/// Linux's `vmap`, `vm_map_ram`.
pub(super) fn map<'v, M: Machine>(
    core: &'v Core<M>,
    frames: &[Frame],
    protection: Protection,
    caller: &'static str,
) -> Result<Region<'v, M>, AllocateError> {
    let bytes = frames.len() as u64 * PAGE_BYTES;
    let too_big = AllocateError::TooBig { requested: bytes, usable: core.usable };
    let request = Request::try_new(bytes).map_err(|_| too_big)?;
    let request = request.protection(protection).caller(caller);
    let (id, range) = retry::retry(core, || map_once(core, &request, frames))?;
    core.tally(core.machine.current()).allocated(range.count().get(), false);
    Ok(Region::new(core, id, range))
}

fn map_once<M: Machine>(
    core: &Core<M>,
    request: &Request,
    frames: &[Frame],
) -> Result<(RegionId, PageRange), AllocateError> {
    let cpu = core.machine.current();
    let (area, range) = reserve::reserve_area(core, cpu, request)?;
    if let Err(shortage) = reserve::reserve_tables(core, cpu, range, area.slot) {
        core.areas.untake(cpu, area, false);
        let (requested, available) = (shortage.requested, shortage.available);
        return Err(AllocateError::FramesExhausted { requested, available });
    }

    // From here on nothing can fail.
    let protection = request.wanted_protection();
    let record = core.slots().slot(area.slot);
    let traits = Traits { mapped: true, protection, ..Traits::default() };
    record.build(request, range, traits, core.only_leaf(range), FrameChain::new().ends());
    let mapping = Mapping { rights: Entry::rights(protection), slot: area.slot };
    let buddy = &core.frames.buddy;
    core.tables.commit_foreign(&core.machine, buddy, range, frames, mapping);
    record.publish(Stage::Owned);
    Ok((RegionId::new(area.slot, record.generation()), range))
}

/// Unmaps a region of [`vmap`](Self::vmap); when it returns, no CPU reaches its frames by its
/// addresses any more.
///
/// # Panics
///
/// If another CPU does not answer for 30 times the machine's patience.
///
/// # Context
///
/// Waits for other CPUs and interrupts them: for threads with interrupts on.
///
/// # Complexity
///
/// O(pages), and a shootdown.
pub(super) fn unmap<M: Machine>(core: &Core<M>, region: Region<'_, M>) {
    let mut plan = Plan::new();
    plan.add(region.range());
    drop(region);
    flush::now(core, &plan, FlushReason::Unmap);
}
