//! Attributes an address to a region.

use x86_64::VirtAddr;

use super::lookup;
use super::parts::Core;
use crate::machine::Machine;
use crate::page::Page;
use crate::region::{RegionInfo, RegionState};

/// The kind of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteKind {
    /// Not in the window.
    Outside,
    /// In the window, and free.
    Free,
    /// In a region's pages.
    Busy,
    /// In the guard page behind a region.
    Guard,
    /// In a region that was freed and waits for its flush.
    Lazy,
}

/// The attribution of an address at one moment: a region may be allocated or freed right after.
#[derive(Clone, Copy, Debug)]
pub struct FaultSite {
    /// The kind of the address.
    pub kind: SiteKind,
    /// The region that the address belongs to, if any.
    pub region: Option<RegionInfo>,
    /// Bytes from the region's first byte, or for a guard from the end of its pages.
    pub distance: u64,
}

/// Returns the kind of an address and the region that it belongs to.
pub(super) fn locate<M: Machine>(core: &Core<M>, address: VirtAddr) -> FaultSite {
    let nowhere = |kind| FaultSite { kind, region: None, distance: 0 };
    if !core.window.holds(address) {
        return nowhere(SiteKind::Outside);
    }
    let page = Page::containing_address(address);
    let holds = |info: &RegionInfo| info.range.holds(address);
    // The pages of a tail are lazy, but its first one is a guard again.
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
    // A guard page has no index entry. The page before it names the region.
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

/// No index names the pages that a region has lost by shrinking or moving. Only their slots do.
fn lazy_at<M: Machine>(core: &Core<M>, address: VirtAddr) -> Option<FaultSite> {
    let info = lookup::next_lazy(core, 0, |info| info.with_guard().holds(address))?;
    let distance = address - info.range.address();
    Some(FaultSite { kind: SiteKind::Lazy, region: Some(info), distance })
}
