//! Checks that areas and free runs cover the window without gap or overlap.

use super::audit::Audit;
use crate::allocator::lookup;
use crate::allocator::parts::Core;
use crate::machine::Machine;
use crate::page::PAGE_BYTES;
use crate::region::{RegionInfo, RegionState};
use crate::stats::Stats;

/// A summary of a set of runs. Two sets are compared by their sums, without storing the runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Runs {
    pages: u64,
    /// The sums of all page numbers, counted from the start of the window, and of their squares.
    numbers: u128,
    squares: u128,
}

impl Runs {
    /// Adds a run. `start` is counted from the start of the window, so it is below 2^36.
    fn add(&mut self, start: u64, length: u64) {
        let below = |end: u64| {
            let end = u128::from(end);
            let numbers = end * end.saturating_sub(1) / 2;
            (numbers, numbers * (2 * end).saturating_sub(1) / 3)
        };
        let (from, to) = (below(start), below(start + length));
        self.pages += length;
        self.numbers += to.0 - from.0;
        self.squares += to.1 - from.1;
    }
}

/// Checks that free runs, areas in pools, lazy areas and regions, each with its guard page, cover
/// every page of the window once.
pub(super) fn check<M: Machine>(core: &Core<M>, audit: &mut Audit, stats: &Stats) {
    let window = core.window.address().as_u64() / PAGE_BYTES;
    let end = window + core.window.count().get();
    // The pages that are neither in a free run of the tree nor in a busy region. They must be the
    // lazy pages and those in pools.
    let mut rest = Runs::default();
    let mut here = window;
    let (mut clients, mut system) = (0, 0);
    let mut region = lookup::next_region(core, core.window.address());
    let walked = core.areas.audit(|start, length, frames| {
        if frames.is_some() {
            return;
        }
        check_up_to(core, audit, &mut rest, &mut here, &mut region, start, |is_system| {
            *(if is_system { &mut system } else { &mut clients }) += 1;
        });
        here = start + length;
    });
    check_up_to(core, audit, &mut rest, &mut here, &mut region, end, |is_system| {
        *(if is_system { &mut system } else { &mut clients }) += 1;
    });
    if let Err(what) = walked {
        audit.note(what, 0);
    }
    let (mut resting, mut pooled) = (Runs::default(), 0);
    let _ = core.areas.audit(|start, length, frames| {
        if frames.is_some() {
            resting.add(start - window, length);
            pooled += 1;
        }
    });
    let mut lazy = 0;
    for slot in 1..=core.slots().limit() {
        let info = core.slots().slot(slot).read(slot);
        if info.is_some_and(|info| info.state == RegionState::Lazy) {
            let (start, length) = core.slots().slot(slot).addresses();
            resting.add(start - window, length);
            lazy += 1;
        }
    }
    audit.expect(rest == resting, "addresses are lost or in two places", rest.pages);
    audit.expect(lazy == stats.areas_lazy, "the number of lazy areas is wrong", lazy);
    audit.expect(clients == stats.areas, "the number of regions is wrong", clients);
    audit.expect(
        system == stats.areas_system,
        "the number of the kernel's regions is wrong",
        system,
    );
    match core.slots().audit(pooled) {
        Ok(living) => {
            let all = clients + system + lazy;
            audit.expect(living == all, "a region has no addresses", living);
        }
        Err(what) => audit.note(what, 0),
    }
}

/// Walks the busy regions below page `to`, and adds the gaps between them to `rest`.
fn check_up_to<M: Machine>(
    core: &Core<M>,
    audit: &mut Audit,
    rest: &mut Runs,
    here: &mut u64,
    region: &mut Option<RegionInfo>,
    to: u64,
    mut count: impl FnMut(bool),
) {
    let window = core.window.address().as_u64() / PAGE_BYTES;
    while let Some(info) = *region {
        let area = info.with_guard();
        let start = area.address().as_u64() / PAGE_BYTES;
        if start >= to {
            break;
        }
        if start < *here {
            audit.note("two areas overlap", start * PAGE_BYTES);
        } else {
            rest.add(*here - window, start - *here);
        }
        *here = start + area.count().get();
        count(info.system);
        *region = lookup::next_region(core, area.end());
    }
    if to < *here {
        audit.note("an area is free and a region's", to * PAGE_BYTES);
        return;
    }
    rest.add(*here - window, to - *here);
}
