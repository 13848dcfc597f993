//! Reserves the slots, addresses, frames and tables of a request.

use super::parts::Core;
use crate::area::{Area, Fit, NoArea};
use crate::error::AllocateError;
use crate::frame::supply::Supply;
use crate::frame::{FrameChain, FrameRequest, Shortage};
use crate::inject::Reservation;
use crate::machine::{CpuId, Machine};
use crate::page::{LARGE_PAGES, PAGE_BYTES, PageCount, PageRange};
use crate::paging::span::Span;
use crate::paging::{Pinned, Stash};
use crate::raw;
use crate::request::{Huge, NodeChoice, Request};
use crate::stats::Counters;

/// Returns the addresses that a request needs. If `large` is set, they start at a multiple of 2
/// MiB.
#[inline]
pub(super) fn fit_of(request: &Request, large: bool) -> Fit {
    let with_guard = request.pages().checked_add(PageCount::ONE);
    let length = with_guard.expect("a request leaves room for its guard").get();
    let align = request.alignment().get();
    let align = if large { align.max(LARGE_PAGES) } else { align };
    Fit { length, align, phase: 0, system: request.is_system() }
}

/// Reserves a slot and addresses.
#[inline]
pub(super) fn reserve_area<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    request: &Request,
) -> Result<(Area, PageRange), AllocateError> {
    let first = fit_of(request, request.wanted_huge() != Huge::Never);
    let area = reserve_fit(core, cpu, &first).or_else(|none| match none {
        NoArea::Addresses if request.wanted_huge() == Huge::Try => {
            reserve_fit(core, cpu, &fit_of(request, false))
        }
        none => Err(none),
    });
    match area {
        Ok(area) => Ok((area, pages_at(core, area.start, request.pages()))),
        Err(none) => Err(no_area(core, none, &first)),
    }
}

/// Returns the error for a reservation of a slot or addresses that failed.
#[cold]
#[inline(never)]
pub(super) fn no_area<M: Machine>(core: &Core<M>, none: NoArea, fit: &Fit) -> AllocateError {
    let pages = |count| PageCount::from_pages(count).unwrap_or(PageCount::MAX);
    match none {
        NoArea::Slot => AllocateError::RegionsExhausted { limit: core.slots().limit() },
        NoArea::Addresses => AllocateError::WindowExhausted {
            requested: pages(fit.length),
            align: pages(fit.align),
            largest_gap: pages(core.areas.largest()),
        },
    }
}

/// Reserves a slot without addresses.
pub(super) fn reserve_slot<M: Machine>(core: &Core<M>, system: bool) -> Result<u32, AllocateError> {
    let exhausted = AllocateError::RegionsExhausted { limit: core.slots().limit() };
    if core.injector.fails(Reservation::Region) {
        return Err(exhausted);
    }
    core.slots().take(system).ok_or(exhausted)
}

/// Reserves the `length` pages from page `start`, without a slot.
pub(super) fn reserve_at<M: Machine>(
    core: &Core<M>,
    start: u64,
    length: u64,
) -> Result<(), NoArea> {
    let is_free = !core.injector.fails(Reservation::Area) && core.areas.take_at(start, length);
    if is_free { Ok(()) } else { Err(NoArea::Addresses) }
}

/// Reserves a slot and addresses that fit. If the area has kept frames, they go to the magazine of
/// the CPU, from which the request then takes frames.
#[inline]
pub(super) fn reserve_fit<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    fit: &Fit,
) -> Result<Area, NoArea> {
    if core.injector.fails(Reservation::Region) {
        return Err(NoArea::Slot);
    }
    if core.injector.fails(Reservation::Area) {
        return Err(NoArea::Addresses);
    }
    let area = core.areas.take(cpu, fit)?;
    if area.is_pooled() {
        core.frames.put(cpu, core.slots().slot(area.slot).take_rested());
    }
    Ok(area)
}

/// Returns the `count` pages of the window from the page with number `start`.
#[inline]
pub(super) fn pages_at<M: Machine>(core: &Core<M>, start: u64, count: PageCount) -> PageRange {
    let offset = start - core.window.address().as_u64() / PAGE_BYTES;
    let offset = PageCount::from_pages(offset).expect("the area lies in the window");
    PageRange::within(core.window, offset, count)
}

/// Reserves frames and tables for an area, or releases the area. Returns the pinned leaf table if
/// the range needs only one table and that one exists.
#[inline]
pub(super) fn reserve_backing<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    request: &Request,
    area: Area,
    range: PageRange,
) -> Result<(FrameChain, Option<Pinned>), AllocateError> {
    let wanted = frames_for(core, cpu, request);
    let frames = match reserve_frames(core, cpu, range.count().get(), &wanted) {
        Ok(frames) => frames,
        Err(shortage) => return Err(no_backing(core, cpu, request, area, shortage)),
    };
    match reserve_tables(core, cpu, range, area.slot) {
        Ok(leaf) => Ok((clean(core, frames, request.is_zeroed()), leaf)),
        Err(shortage) => {
            put_back(core, cpu, frames);
            Err(no_backing(core, cpu, request, area, shortage))
        }
    }
}

/// Releases an area for which frames or tables are missing, and returns the error.
#[cold]
#[inline(never)]
fn no_backing<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    request: &Request,
    area: Area,
    shortage: Shortage,
) -> AllocateError {
    core.areas.untake(cpu, area, request.is_system());
    exhausted(shortage)
}

/// Converts a shortage of frames into the error of a request.
pub(super) fn exhausted(Shortage { requested, available }: Shortage) -> AllocateError {
    AllocateError::FramesExhausted { requested, available }
}

/// Returns reserved frames that a request cannot use.
pub(super) fn put_back<M: Machine>(core: &Core<M>, cpu: CpuId, frames: Supply) {
    core.frames.put(cpu, frames.plain);
    core.frames.put_zeroed(frames.zeroed);
}

/// Returns a frame request that prefers the magazine of the CPU, then the NUMA node of the CPU.
#[inline]
pub(super) fn any_frames<M: Machine>(core: &Core<M>, cpu: CpuId) -> FrameRequest {
    let (node, nodes) = (core.machine.node(cpu) as usize, core.frames.nodes());
    // The node of a CPU may have no memory.
    let node = if node < nodes { node } else { node % nodes };
    FrameRequest { node, named: false, only: false, zeroed: false, reserve: 0 }
}

/// Returns the frame request for the options of a request.
pub(super) fn frames_for<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    request: &Request,
) -> FrameRequest {
    let reserve = if request.may_take_reserve() { 0 } else { core.frames_reserve };
    let frames = frames_of(core, cpu, request.wanted_nodes());
    FrameRequest { zeroed: request.is_zeroed(), reserve, ..frames }
}

/// Returns a frame request for the nodes whose frames a region may have.
pub(super) fn frames_of<M: Machine>(core: &Core<M>, cpu: CpuId, nodes: NodeChoice) -> FrameRequest {
    let plain = any_frames(core, cpu);
    match nodes.named() {
        None => plain,
        Some(node) => FrameRequest { node, named: true, only: nodes.only().is_some(), ..plain },
    }
}

/// Joins plain and zeroed frames into one chain. If `zeroed` is set, clears the plain frames first.
#[inline]
pub(super) fn clean<M: Machine>(core: &Core<M>, frames: Supply, zeroed: bool) -> FrameChain {
    if zeroed {
        clear_frames(core, &frames.plain);
        Counters::add(&core.counters.zeroed_hits, frames.zeroed.count());
    }
    let Supply { plain: mut all, zeroed: ready } = frames;
    all.append(core.frames.buddy.metas(), ready);
    all
}

/// Clears frames while the request waits.
#[inline(never)]
pub(super) fn clear_frames<M: Machine>(core: &Core<M>, plain: &FrameChain) {
    for frame in plain.frames(core.frames.buddy.metas()) {
        raw::clear(&core.machine, core.frames.buddy.frame(frame));
    }
    Counters::add(&core.counters.zeroed_misses, plain.count());
}

/// Takes the frames of a request.
#[inline]
pub(super) fn reserve_frames<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    count: u64,
    wanted: &FrameRequest,
) -> Result<Supply, Shortage> {
    if core.injector.fails(Reservation::Frame) {
        return Err(Shortage { requested: count, available: core.frames_free() });
    }
    core.frames.take(cpu, count, wanted)
}

/// Creates the tables over `range` and raises their counts. On an error no frame is taken.
#[inline]
pub(super) fn reserve_tables<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    range: PageRange,
    slot: u32,
) -> Result<Option<Pinned>, Shortage> {
    let span = Span::only(range);
    let pin = |span| core.tables.pin(&core.machine, &core.frames.buddy, &span, slot);
    match span.and_then(pin) {
        Some(leaf) => Ok(Some(leaf)),
        None => make_tables(core, cpu, range, slot).map(|()| None),
    }
}

#[inline(never)]
fn make_tables<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    range: PageRange,
    slot: u32,
) -> Result<(), Shortage> {
    let (machine, frames) = (&core.machine, &core.frames.buddy);
    with_stash(core, cpu, |stash| core.tables.reserve(machine, frames, range, slot, stash))
}

/// Calls `attempt` until the stash has enough frames for the tables, or until no frames are free.
pub(super) fn with_stash<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    attempt: impl Fn(&mut Stash) -> Result<(), u64>,
) -> Result<(), Shortage> {
    let mut stash = Stash::new();
    let result = loop {
        match attempt(&mut stash) {
            Ok(()) => break Ok(()),
            Err(needed) => {
                if let Err(shortage) = fill_stash(core, cpu, needed, &mut stash) {
                    break Err(shortage);
                }
            }
        }
    };
    // Frames are left over if another CPU has made a table in the meantime.
    core.frames.put(cpu, stash.plain);
    core.frames.put_zeroed(stash.zeroed);
    result
}

fn fill_stash<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    needed: u64,
    stash: &mut Stash,
) -> Result<(), Shortage> {
    let metas = core.frames.buddy.metas();
    let wanted = FrameRequest { zeroed: true, ..any_frames(core, cpu) };
    while stash.count() < needed {
        if core.injector.fails(Reservation::Table) {
            return Err(Shortage { requested: needed, available: core.frames_free() });
        }
        let frame = core.frames.take(cpu, 1, &wanted)?;
        stash.plain.append(metas, frame.plain);
        stash.zeroed.append(metas, frame.zeroed);
    }
    Ok(())
}
