//! Tells requests that can never be served from those that a reclaim can help. Only a request that
//! has failed is checked, so a request that succeeds pays nothing.

use super::parts::Core;
use super::reserve;
use crate::area::{Fit, NoArea};
use crate::error::AllocateError;
use crate::machine::Machine;
use crate::page::{LARGE_PAGES, PAGE_BYTES, PageCount, PageRange};
use crate::paging;
use crate::paging::tables::TableCount;
use crate::request::{Huge, Request};
use crate::stats::Counters;

/// The resources that a request needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// The size for the error.
    pub(super) bytes: u64,
    /// The addresses; `None` if the request needs none, or accepts that there are none.
    pub(super) fit: Option<Fit>,
    /// The pages that a region keeps while it is moved, with their guard page.
    pub(super) kept: Option<PageRange>,
    /// The frames that the request takes.
    pub(super) frames: u64,
    /// The frames that the region has already.
    pub(super) frames_held: u64,
    /// The least number of tables over all pages.
    pub(super) tables: u64,
    /// The number of blocks of 512 frames.
    pub(super) larges: u64,
    /// The only NUMA node whose frames the request may have.
    pub(super) only: Option<usize>,
    /// The number of free frames that the request must leave.
    pub(super) reserve: u64,
}

impl Need {
    /// Returns the need of a request that only needs a slot.
    pub(super) const SLOT: Self = Self {
        bytes: 0,
        fit: None,
        kept: None,
        frames: 0,
        frames_held: 0,
        tables: 0,
        larges: 0,
        only: None,
        reserve: 0,
    };

    /// Returns the need of a region that is allocated, on `frames` frames of the crate.
    pub(super) fn of<M: Machine>(core: &Core<M>, request: &Request, frames: u64) -> Self {
        let huge = request.wanted_huge();
        let pages = request.pages();
        Self {
            bytes: request.requested(),
            fit: Some(reserve::fit_of(request, huge == Huge::Must)),
            frames,
            tables: if huge == Huge::Never { tables_over(pages) } else { 0 },
            larges: if huge == Huge::Must { pages.get() / LARGE_PAGES } else { 0 },
            only: request.wanted_nodes().only(),
            reserve: if request.may_take_reserve() { 0 } else { core.frames_reserve },
            ..Self::SLOT
        }
    }
}

/// Returns the least number of leaf tables over `pages` pages.
pub(super) fn tables_over(pages: PageCount) -> u64 {
    pages.get().div_ceil(LARGE_PAGES)
}

/// Returns the number of frames that are not taken for good by the kernel itself or the crate.
fn frames_all<M: Machine>(core: &Core<M>) -> u64 {
    core.capacity.frames(None).saturating_sub(Counters::get(&core.counters.frames_heap))
}

/// Returns an error if the request could not be served even if all other memory and addresses were
/// free.
pub(super) fn check<M: Machine>(core: &Core<M>, need: &Need) -> Result<(), AllocateError> {
    let all = frames_all(core);
    let here = need.only.map_or(all, |node| all.min(core.capacity.frames(Some(node))));
    let usable = here.min(all.saturating_sub(need.reserve));
    let too_big = |frames: u64| {
        let usable = frames.saturating_mul(PAGE_BYTES);
        Err(AllocateError::TooBig { requested: need.bytes, usable })
    };
    if need.frames > usable {
        return too_big(usable);
    }
    let larges = core.capacity.larges(need.only);
    if need.larges > larges {
        return too_big(larges.saturating_mul(LARGE_PAGES));
    }
    // The frames that a region holds may be of the reserve.
    let requested = need.frames.saturating_add(need.frames_held);
    if requested > here {
        return Err(AllocateError::FramesExhausted { requested, available: here });
    }
    // Tables may be of the reserve, and of any node.
    let requested = requested.saturating_add(need.tables);
    if requested > all {
        return Err(AllocateError::FramesExhausted { requested, available: all });
    }
    match &need.fit {
        Some(fit) if !is_in_window(core, fit, need.kept) => {
            Err(reserve::no_area(core, NoArea::Addresses, fit))
        }
        _ => Ok(()),
    }
}

/// Returns whether the window has addresses that fit, without the `kept` ones.
fn is_in_window<M: Machine>(core: &Core<M>, fit: &Fit, kept: Option<PageRange>) -> bool {
    let page = |address: u64| address / PAGE_BYTES;
    let (first, end) = (page(core.window.address().as_u64()), page(core.window.end().as_u64()));
    let holds = |first: u64, end: u64| {
        let start = first.checked_next_multiple_of(fit.align);
        start.and_then(|start| start.checked_add(fit.length)).is_some_and(|last| last <= end)
    };
    match kept {
        None => holds(first, end),
        Some(kept) => {
            let (kept_first, kept_end) =
                (page(kept.address().as_u64()), page(kept.end().as_u64()) + 1);
            holds(first, kept_first) || holds(kept_end, end)
        }
    }
}

/// The memory and addresses that are not in use, but that a failed request did not find.
#[derive(Clone, Copy, Debug)]
struct Idle {
    /// The areas and pages that wait for a flush.
    areas_lazy: u64,
    pages_lazy: u64,
    /// The areas in pools.
    areas_pooled: u64,
}

impl Idle {
    fn read<M: Machine>(core: &Core<M>) -> Self {
        let lists = || core.lazies.iter().chain([&core.deferred]);
        Self {
            areas_lazy: lists().map(|list| list.areas()).sum(),
            pages_lazy: lists().map(|list| list.pages()).sum(),
            areas_pooled: core.areas.held().areas,
        }
    }

    /// Returns a number that is not below the number of frames of tables that a reclaim frees.
    fn tables_at_most(&self, made: &TableCount) -> u64 {
        // An area lies below at most two more leaf tables than it could fill.
        let places = made.cached + self.pages_lazy / LARGE_PAGES + 2 * self.areas_lazy;
        // A leaf table, its index, and the level-2 table with two frames of records.
        places.saturating_mul(5).min(made.frames())
    }
}

/// Returns whether addresses wait for a flush.
pub(super) fn is_lazy<M: Machine>(core: &Core<M>) -> bool {
    Idle::read(core).areas_lazy > 0
}

/// Returns whether the free frames, wherever they are, and `more` frames are enough.
fn are_enough<M: Machine>(core: &Core<M>, need: &Need, more: u64) -> bool {
    // With one node, areas in pools may have kept frames.
    let is_here = match need.only {
        Some(node) if core.nodes() > 1 => core.frames.free_on(node) + more >= need.frames,
        _ => true,
    };
    is_here && core.frames_free() + more >= need.frames.saturating_add(need.reserve)
}

/// Returns whether a request that failed with `error` could be served after all caches were
/// emptied, without a flush.
pub(super) fn can_drain<M: Machine>(core: &Core<M>, need: &Need, error: &AllocateError) -> bool {
    let idle = Idle::read(core);
    match error {
        AllocateError::TooBig { .. } | AllocateError::WouldWait { .. } => false,
        AllocateError::RegionsExhausted { .. } => idle.areas_pooled > 0,
        AllocateError::WindowExhausted { requested, .. } => {
            idle.areas_pooled > 0 && core.areas.free() >= requested.get()
        }
        AllocateError::FramesExhausted { .. } => {
            let is_cached = idle.areas_pooled > 0 || core.frames.waiting() > 0;
            is_cached && are_enough(core, need, 0)
        }
    }
}

/// Returns whether a request that failed with `error` could be served after everything lazy and
/// cached was released.
pub(super) fn can_reclaim<M: Machine>(core: &Core<M>, need: &Need, error: &AllocateError) -> bool {
    let idle = Idle::read(core);
    match error {
        AllocateError::TooBig { .. } | AllocateError::WouldWait { .. } => false,
        AllocateError::RegionsExhausted { .. } => idle.areas_lazy > 0,
        AllocateError::WindowExhausted { requested, .. } => {
            idle.areas_lazy > 0 && core.areas.free() + idle.pages_lazy >= requested.get()
        }
        AllocateError::FramesExhausted { .. } => {
            let tables = idle.tables_at_most(&core.tables.made());
            let is_any = tables > 0;
            let is_unlinked = paging::reclaim::has_unlinked(&core.tables);
            is_unlinked || is_any && are_enough(core, need, idle.pages_lazy + tables)
        }
    }
}
