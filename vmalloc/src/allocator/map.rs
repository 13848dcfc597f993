//! Maps frames of the caller at adjacent addresses: `vmap`.

use core::fmt;

use super::handle::Region;
use super::limits::Need;
use super::parts::Core;
use super::{flush, lookup, reserve, retry};
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

/// Names the flush that must complete before the frames of an unmapped region may be reused: see
/// [`is_flushed`](Self::is_flushed).
///
/// The ticket contains the id of the region, not the number of a flush. A purge that was in
/// progress when the region was unmapped ends later, but does not flush the region. It also contains
/// a reference to the window of the region, whose flush alone counts.
#[must_use = "until it is redeemed, CPUs may reach the frames by the old addresses"]
pub struct FlushTicket<'v, M: Machine> {
    core: &'v Core<M>,
    id: RegionId,
}

impl<'v, M: Machine> FlushTicket<'v, M> {
    /// Unmaps a region and returns the ticket of its flush.
    pub(super) fn of(region: Region<'v, M>) -> Self {
        let ticket = Self { core: region.core(), id: region.id() };
        drop(region);
        ticket
    }

    /// Returns whether the region was flushed, so that no CPU can reach its frames.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        // The generation of a slot ends only after its addresses have been flushed. The Acquire in
        // `generation` pairs with the Release in `retire`.
        self.core.slots().slot(self.id.slot()).generation() != self.id.generation()
    }
}

impl<M: Machine> Clone for FlushTicket<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine> Copy for FlushTicket<'_, M> {}

impl<M: Machine> fmt::Debug for FlushTicket<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlushTicket({})", self.id)
    }
}

/// Maps frames of the caller at adjacent addresses, in their order, with a guard page behind them.
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
    let (id, range) =
        retry::retry(core, || Need::of(core, &request, 0), || map_once(core, &request, frames))?;
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
        return Err(reserve::exhausted(shortage));
    }

    // No later step can fail.
    let protection = request.wanted_protection();
    let record = core.slots().slot(area.slot);
    let traits = Traits { mapped: true, protection, promised: protection, ..Traits::default() };
    record.build(request, range, traits, core.only_leaf(range), FrameChain::new().ends());
    let mapping = Mapping { rights: Entry::rights(protection), slot: area.slot };
    let buddy = &core.frames.buddy;
    core.tables.commit_foreign(&core.machine, buddy, range, frames, mapping);
    record.publish(Stage::Owned);
    Ok((RegionId::new(area.slot, record.generation()), range))
}

/// Unmaps a region of [`vmap`](crate::Vmalloc::vmap) and flushes its addresses. When this returns,
/// no CPU can reach the frames by these addresses.
pub(super) fn unmap<M: Machine>(region: Region<'_, M>) {
    let (core, id) = (region.core(), region.id());
    let mut plan = Plan::new::<M>();
    plan.add(region.range());
    drop(region);
    assert!(lookup::info(core, id).is_err(), "region {id} is still mapped");
    flush::now(core, &plan, FlushReason::Unmap);
}
