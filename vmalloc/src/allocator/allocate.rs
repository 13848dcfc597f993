//! The slow path of allocation: reserves everything that can run out, and then stores the entries.

use super::handle::Region;
use super::limits::Need;
use super::parts::Core;
use super::{large, reserve, retry};
use crate::error::AllocateError;
use crate::frame::{FrameChain, FrameIndex};
use crate::id::RegionId;
use crate::machine::{CpuId, Machine};
use crate::page::PageRange;
use crate::paging::{Entry, Mapping, Pinned};
use crate::region::extent::Traits;
use crate::region::stage::Stage;
use crate::request::{Huge, Request};
use crate::stats::Counters;

/// Allocates by the slow path. On a failure, retries once after a reclaim.
#[inline(never)]
pub(super) fn allocate_slow<'v, M: Machine>(
    core: &'v Core<M>,
    cpu: CpuId,
    request: &Request,
) -> Result<Region<'v, M>, AllocateError> {
    let need = || Need::of(core, request, request.pages().get());
    let attempt = || reserve_and_commit(core, cpu, request);
    let result = match request.may_wait() {
        true => retry::retry(core, need, attempt),
        false => retry::without_waiting(core, need, attempt),
    };
    match result {
        Ok((id, range)) => {
            core.tally(cpu).allocated(range.count().get(), request.is_system());
            Ok(Region::new(core, id, range))
        }
        Err(error) => {
            Counters::add(&core.counters.allocations_failed, 1);
            Err(error)
        }
    }
}

/// Reserves a slot and addresses, then frames, then tables, and only then stores the first entry.
#[inline(never)]
fn reserve_and_commit<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    request: &Request,
) -> Result<(RegionId, PageRange), AllocateError> {
    let pages = request.pages();
    if pages.bytes() > core.usable && !request.may_take_reserve() {
        let (requested, usable) = (request.requested(), core.usable);
        return Err(AllocateError::TooBig { requested, usable });
    }
    let (area, range) = reserve::reserve_area(core, cpu, request)?;
    let mapping = Mapping { rights: Entry::rights(request.wanted_protection()), slot: area.slot };
    let traits = Traits {
        system: request.is_system(),
        zeroed: request.is_zeroed(),
        protection: request.wanted_protection(),
        align: request.alignment().get().trailing_zeros(),
        ..Traits::default()
    };
    let record = core.slots().slot(area.slot);
    if request.wanted_huge() != Huge::Never {
        let backing = large::reserve(core, cpu, request, area, range)?;
        // No later step can fail.
        let traits = Traits { large: backing.has_large(), ..traits };
        record.build(request, range, traits, FrameIndex::NONE, FrameChain::new().ends());
        large::commit(core, range, backing, mapping);
    } else {
        let (mut frames, leaf) = reserve::reserve_backing(core, cpu, request, area, range)?;
        // No later step can fail.
        let noted = leaf.map_or_else(|| core.only_leaf(range), Pinned::leaf);
        record.build(request, range, traits, noted, frames.ends());
        let buddy = &core.frames.buddy;
        core.tables.commit(&core.machine, buddy, range, leaf, &mut frames, mapping);
    }
    let generation = record.publish(Stage::Owned);
    Ok((RegionId::new(area.slot, generation), range))
}
