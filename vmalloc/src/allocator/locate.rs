//! Finds the region that an address belongs to.

use x86_64::VirtAddr;

use super::lookup;
use super::parts::Core;
use crate::machine::Machine;
use crate::page::Page;
use crate::region::{RegionInfo, RegionState};

/// The use of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteKind {
    /// Outside the window.
    Outside,
    /// In the window and not used.
    Free,
    /// In the pages of a busy region.
    Busy,
    /// In the guard page behind a busy region.
    Guard,
    /// In a region that was freed and is not yet flushed, or in its guard page.
    Lazy,
}

/// The use of an address at one moment. It may change right after, because other CPUs allocate and
/// free.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FaultSite {
    /// The use of the address.
    pub kind: SiteKind,
    /// The region that the address belongs to, if any.
    pub region: Option<RegionInfo>,
    /// The distance in bytes from the first byte of the region; for a guard page, from the end of
    /// the region's pages.
    pub distance: u64,
}

/// Returns the use of an address and the region that it belongs to.
pub(super) fn locate<M: Machine>(core: &Core<M>, address: VirtAddr) -> FaultSite {
    let nowhere = |kind| FaultSite { kind, region: None, distance: 0 };
    if !core.window.holds(address) {
        return nowhere(SiteKind::Outside);
    }
    let page = Page::containing_address(address);
    let holds = |info: &RegionInfo| info.range.holds(address);
    // The pages of a tail are lazy, except the first one, which is the guard page of the shrunk
    // region.
    let owns = |info: &RegionInfo| !info.is_tail || info.range.start() != page;
    let here = lookup::region_of(core, page).filter(|info| holds(info) && owns(info));
    if let Some(info) = here {
        let kind = match info.state {
            RegionState::Busy => SiteKind::Busy,
            RegionState::Lazy => SiteKind::Lazy,
        };
        let distance = address - info.range.address();
        return FaultSite { kind, region: Some(info), distance };
    }
    // A guard page has no entry in an index, so its region is found by the page before it.
    let before = (page > core.window.start()).then(|| page - 1);
    let behind = before
        .and_then(|before| lookup::region_of(core, before))
        .filter(|info| info.range.end() == page.start_address());
    match behind {
        Some(info) => {
            let kind = match info.state {
                RegionState::Busy => SiteKind::Guard,
                RegionState::Lazy => SiteKind::Lazy,
            };
            FaultSite { kind, region: Some(info), distance: address - info.range.end() }
        }
        None => lazy_at(core, address).unwrap_or(nowhere(SiteKind::Free)),
    }
}

/// Finds an address in the slots of lazy areas. An index does not name pages that a region has lost
/// by shrinking or moving.
fn lazy_at<M: Machine>(core: &Core<M>, address: VirtAddr) -> Option<FaultSite> {
    let info = lookup::next_lazy(core, 0, |info| info.with_guard().holds(address))?;
    let distance = address - info.range.address();
    Some(FaultSite { kind: SiteKind::Lazy, region: Some(info), distance })
}
