//! `VPROBE`: performs one memory access, and explains the page fault if there is one.

use core::fmt::{self, Display};

use vmalloc::{Access, AccessKind, FaultSite, Page, Protection, SiteKind, Walk};
use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use crate::service::call::Call;
use crate::service::failure::{Failure, Word};
use crate::service::parse::address;
use crate::service::store::{self, Store};

/// Serves `VPROBE address r|w|x`: replies with `ok`, or with `fault`, the kind of the fault and its
/// region.
///
/// Only memory of clients is accessed, and no code is executed. For addresses outside the window
/// and for instruction fetches, the result is derived from the page-table entries.
pub(in crate::service) fn vprobe<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let address = address::parse(call.argument(1))?;
    let kind = match call.argument(2) {
        b"r" | b"R" => AccessKind::Read,
        b"w" | b"W" => AccessKind::Write,
        b"x" | b"X" => AccessKind::Execute,
        other => return Err(Failure::Invalid("an access is r, w or x", Word::new(other))),
    };
    let vm = call.parts.store.vm;
    let allowed = if kind == AccessKind::Execute || !vm.window().holds(address) {
        permits(&store::walk(vm, address), kind)
    } else {
        // The reply must describe the present page-table entries, so stale entries in the TLB of
        // this CPU are flushed first.
        vm.machine().flush_page(Page::containing_address(address));
        store::is_accessible(vm, address, kind)
    };
    if allowed {
        call.reply.bulk(b"ok");
        return Ok(());
    }
    let site = vm.locate(address);
    let fault = FaultAttribution { store: &call.parts.store, site, address, kind };
    let hit = fault.kind();
    call.reply.bulk_of(format_args!("{fault}"));
    call.parts.metrics.counters.note_hit(hit);
    Ok(())
}

/// Returns whether the page-table entries of all levels permit the access.
fn permits(walk: &Walk, kind: AccessKind) -> bool {
    let mut entries = walk.entries.iter().flatten();
    walk.translation().is_some()
        && entries.all(|entry| match kind {
            AccessKind::Read => true,
            AccessKind::Write => entry.flags().contains(PageTableFlags::WRITABLE),
            AccessKind::Execute => !entry.flags().contains(PageTableFlags::NO_EXECUTE),
        })
}

/// Describes a fault for clients: its kind, its region and its offset.
struct FaultAttribution<'a, M: Access + 'static> {
    store: &'a Store<M>,
    site: FaultSite,
    address: VirtAddr,
    kind: AccessKind,
}

impl<M: Access> FaultAttribution<'_, M> {
    /// Returns the kind of the fault, which is one of the words in `HITS`.
    fn kind(&self) -> &'static str {
        let is_closed = self.site.region.is_some_and(|info| info.protection == Protection::None);
        match (self.site.kind, self.kind) {
            (SiteKind::Outside, _) => "outside",
            (SiteKind::Free, _) => "free",
            (SiteKind::Guard, _) => "guard",
            (SiteKind::Lazy, _) => "lazy",
            (SiteKind::Busy, AccessKind::Read) => "not-present",
            (SiteKind::Busy, _) if is_closed => "not-present",
            (SiteKind::Busy, AccessKind::Write) => "read-only",
            (SiteKind::Busy, AccessKind::Execute) => "no-execute",
        }
    }
}

impl<M: Access> Display for FaultAttribution<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {}", self.kind())?;
        let Some(info) = &self.site.region else { return Ok(()) };
        write!(f, " {}", self.store.name_of(info.id))?;
        if info.system {
            write!(f, " caller={}", info.caller)?;
        }
        let offset = self.address - info.range.address();
        match self.site.kind {
            // The distance counts from the end of the requested size, not from the end of the last
            // page.
            SiteKind::Guard => write!(f, " past_end={}", offset - self.store.requested(info)),
            _ => write!(f, " offset={offset}"),
        }
    }
}
