//! What lies at an address: the attribution of a fault.

use x86_64::VirtAddr;

use super::lookup;
use super::parts::Core;
use crate::machine::Machine;
use crate::page::Page;
use crate::region::{RegionInfo, RegionState};

/// The kind of place that an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteKind {
    /// Not in the window.
    Outside,
    /// In the window, and nobody's.
    Free,
    /// In a region's pages.
    Busy,
    /// In the guard page behind a region.
    Guard,
    /// In a region that was freed and waits for its flush.
    Lazy,
}

/// What lies at an address, when it was asked: a region may come or go right after.
#[derive(Clone, Copy, Debug)]
pub struct FaultSite {
    /// The kind of place.
    pub kind: SiteKind,
    /// The region that the place belongs to, if it belongs to one.
    pub region: Option<RegionInfo>,
    /// Bytes from the region's first byte, or for a guard from the end of its pages.
    pub distance: u64,
}

/// Says what lies at an address.
///
/// # Context
///
/// Anywhere, fault handlers too: takes no lock and allocates nothing.
///
/// # Complexity
///
/// O(1): two walks at most; for an address that nothing is known of, and while something is
/// lazy, one look at each slot that was ever used.
///
/// # Examples
///
/// ```
/// use vmalloc::{sim, SiteKind};
///
/// let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
/// let region = vm.vmalloc(4_096)?;
/// let (start, past) = (region.address(), region.address() + region.bytes());
/// assert_eq!(vm.locate(start + 5u64).kind, SiteKind::Busy);
/// assert_eq!(vm.locate(past + 5u64).kind, SiteKind::Guard);
/// drop(region);
/// assert_eq!(vm.locate(start).kind, SiteKind::Lazy);
/// vm.purge();
/// assert_eq!(vm.locate(start).kind, SiteKind::Free);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
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
    // A guard has no index entry of its own: the page before it names the region.
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

/// What a region has lost by shrinking or moving is named by no index: only the slots know.
fn lazy_at<M: Machine>(core: &Core<M>, address: VirtAddr) -> Option<FaultSite> {
    let info = lookup::next_lazy(core, 0, |info| info.with_guard().holds(address))?;
    let distance = address - info.range.address();
    Some(FaultSite { kind: SiteKind::Lazy, region: Some(info), distance })
}
