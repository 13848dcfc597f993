//! Tests of regions on real page tables.

use alloc::vec::Vec;

use vmalloc::{FlushMode, Protection, Region, Request, SiteKind};
use x86_64::VirtAddr;

use crate::hardware::cpu::access;
use crate::hardware::machine::PcMachine;
use crate::hardware::memory::walk;
use crate::selftest::failed_check::{FailedCheck, ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};
use crate::selftest::memory;

type Regions = Vec<Region<'static, PcMachine>>;

/// Allocates single pages and frees every second one, so that no two of the freed frames are adjacent. The next
/// allocations get these frames.
fn fragment(fixture: Fixture, pages: usize) -> Result<Regions, FailedCheck> {
    // First, frames that were freed earlier are moved to the end of the free list.
    fixture.vm.reclaim();
    let mut regions = Regions::with_capacity(pages);
    for _ in 0..pages {
        regions.push(value(fixture.vm.vmalloc(4096), "one page")?);
    }
    let mut index = 0;
    regions.retain(|_| {
        index += 1;
        index % 2 == 0
    });
    // With pools off, freed frames return to the free lists instead of staying with their areas.
    fixture.vm.reclaim();
    Ok(regions)
}

fn tag(address: VirtAddr) -> [u8; 8] {
    (address.as_u64() ^ 0x5bd1_e995_9d1c_3a7f).to_le_bytes()
}

/// Writes a different value to each page, and then checks all values.
fn write_and_read(fixture: Fixture, region: &Region<'_, PcMachine>) -> TestResult {
    let last_word = 4096 - 8_u64;
    let places = || {
        let pages = region.range().pages().map(|page| page.start_address());
        pages.flat_map(|start| [start, start + last_word])
    };
    for place in places() {
        value(memory::write(fixture.vm, place, &tag(place)), "write")?;
    }
    for place in places() {
        let mut bytes = [0; 8];
        value(memory::read(fixture.vm, place, &mut bytes), "read")?;
        if bytes != tag(place) {
            return Err(FailedCheck::new("a page holds other bytes", [place.as_u64(), 0]));
        }
    }
    Ok(())
}

pub(super) fn frames_are_scattered(fixture: Fixture) -> TestResult {
    let holes = fragment(fixture, 2048)?;
    let region = value(fixture.vm.vmalloc(256 * 4096), "256 pages")?;
    let frames: Vec<u64> = region
        .range()
        .pages()
        .filter_map(|page| walk::translate(page.start_address().as_u64()))
        .map(|found| found.physical >> 12)
        .collect();
    same(frames.len() as u64, 256, "pages that are mapped")?;
    let apart = frames.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) != 1).count();
    if apart * 10 < 255 * 9 {
        return Err(FailedCheck::new(
            "neighbouring pages on neighbouring frames",
            [apart as u64, 255],
        ));
    }
    write_and_read(fixture, &region)?;
    drop(region);
    drop(holes);
    fixture.vm.purge();
    Ok(())
}

pub(super) fn the_guard_faults_and_is_named(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vmalloc(3 * 4096), "three pages")?;
    let guard = region.address() + region.bytes();
    for offset in [0, 1, 4095_u64] {
        let fault = memory::write(fixture.vm, guard + offset, &[1]).err();
        let fault = fault.ok_or(FailedCheck::new("no fault on a guard", [offset, 0]))?;
        same(fault.address.as_u64(), (guard + offset).as_u64(), "the address of the fault")?;
        let site = fixture.vm.locate(fault.address);
        ensure(site.kind == SiteKind::Guard, "the kind of a guard")?;
        same(site.distance, offset, "the distance from the region's end")?;
        let named = site.region.map_or(0, |info| info.id.get());
        same(named, region.id().get(), "the region of a guard")?;
    }
    Ok(())
}

pub(super) fn read_only_keeps_its_value(fixture: Fixture) -> TestResult {
    let request = value(Request::try_new(8192), "a request")?;
    let request = request.zeroed().protection(Protection::ReadOnly);
    let region = value(fixture.vm.allocate(&request), "two pages")?;
    let address = region.address() + 4096_u64;
    ensure(
        memory::write(fixture.vm, address, b"no").is_err(),
        "a read-only region can be written",
    )?;
    let mut bytes = [0xff; 2];
    value(memory::read(fixture.vm, address, &mut bytes), "a read-only region can be read")?;
    ensure(bytes == [0, 0], "a read-only region keeps its value")
}

pub(super) fn zeroed_means_zero(fixture: Fixture) -> TestResult {
    const BYTES: u64 = 64 * 4096;
    for _ in 0..3 {
        let dirty = value(fixture.vm.vmalloc(BYTES), "64 pages")?;
        value(memory::fill(fixture.vm, dirty.address(), BYTES, 0xa5), "fill")?;
        drop(dirty);
        fixture.vm.purge();
        let clean = value(fixture.vm.vzalloc(BYTES - 100), "64 pages")?;
        let mut page = [0xff; 4096];
        for start in clean.range().pages().map(|page| page.start_address()) {
            value(memory::read(fixture.vm, start, &mut page), "read")?;
            ensure(page.iter().all(|byte| *byte == 0), "zeroed memory holds something")?;
        }
    }
    Ok(())
}

pub(super) fn freed_pages_fault(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vmalloc(4 * 4096), "four pages")?;
    let info = region.info();
    write_and_read(fixture, &region)?;
    let id = region.into_raw();
    value(fixture.vm.vfree(id), "free")?;
    ensure(fixture.vm.vfree(id).is_err(), "a second free is refused")?;
    let guard = info.range.end();
    for address in [info.range.address(), guard - 1, guard] {
        let site = fixture.vm.locate(address);
        ensure(site.kind == SiteKind::Lazy, "the freed region waits for its flush")?;
        same(site.region.map_or(0, |info| info.id.get()), id.get(), "the region that waits")?;
    }
    fixture.vm.purge();
    for page in info.range.pages() {
        let address = page.start_address().as_u64();
        ensure(!access::can_read(address), "a freed page can be read")?;
        ensure(walk::translate(address).is_none(), "a freed page has an entry")?;
        ensure(fixture.vm.locate(page.start_address()).kind == SiteKind::Free, "a purged page")?;
    }
    Ok(())
}

/// Reads a page, so that the TLB contains its translation, frees the region and purges. The next read of the page must
/// fault.
pub(super) fn no_stale_translation(fixture: Fixture) -> TestResult {
    free_and_touch(fixture, || {
        fixture.vm.purge();
    })
}

/// As the previous test, but with eager flushes and without a purge: the free itself must flush the TLB.
pub(super) fn eager_frees_fault_at_once(fixture: Fixture) -> TestResult {
    fixture.vm.modes().set_flush(FlushMode::Eager);
    let outcome = free_and_touch(fixture, || ());
    fixture.vm.modes().set_flush(FlushMode::default());
    outcome
}

fn free_and_touch(fixture: Fixture, flush: impl Fn()) -> TestResult {
    for _ in 0..50 {
        let region = value(fixture.vm.vmalloc(8 * 4096), "eight pages")?;
        let pages = region.range();
        for page in pages.pages() {
            ensure(access::can_write(page.start_address().as_u64()), "a region can be written")?;
        }
        drop(region);
        flush();
        for page in pages.pages() {
            let address = page.start_address().as_u64();
            ensure(!access::can_read(address), "a stale translation was used")?;
            ensure(fixture.vm.locate(page.start_address()).kind == SiteKind::Free, "a freed page")?;
        }
    }
    Ok(())
}

/// Many frees must share one flush of the TLB.
pub(super) fn frees_share_flushes(fixture: Fixture) -> TestResult {
    const FREES: u64 = 3000;
    fixture.vm.purge();
    let before = fixture.vm.stats();
    for _ in 0..FREES {
        let region = value(fixture.vm.vmalloc(3 * 4096), "three pages")?;
        ensure(access::can_write(region.address().as_u64()), "a region can be written")?;
    }
    let after = fixture.vm.stats();
    same(after.frees - before.frees, FREES, "frees")?;
    let full = after.flushes_full - before.flushes_full;
    let by_page = after.flushes_by_page - before.flushes_by_page;
    if (full + by_page) * 100 > FREES {
        return Err(FailedCheck::new("full flushes, and flushes by page", [full, by_page]));
    }
    // The number of areas exceeds the limit of lazy areas.
    ensure(full > 0, "the limit of what may wait")?;
    ensure(after.areas_lazy > 0, "the last ones still wait")?;
    fixture.vm.purge();
    same(fixture.vm.stats().areas_lazy, 0, "areas that wait after a purge")
}

pub(super) fn frames_return(fixture: Fixture) -> TestResult {
    let used = || {
        fixture.vm.reclaim();
        let stats = fixture.vm.stats();
        (stats.frames_used(), stats.table_pages)
    };
    let mut before = (0, 0);
    // The first pass is not compared, because it may allocate memory that is never freed.
    for pass in 0..3 {
        let regions: Result<Regions, _> =
            (1..100).map(|pages| fixture.vm.vmalloc(pages * 4096)).collect();
        drop(value(regions, "99 regions")?);
        let after = used();
        if pass > 0 {
            same(after.0, before.0, "frames in use")?;
            same(after.1, before.1, "frames of tables")?;
        }
        before = after;
    }
    Ok(())
}

pub(super) fn all_memory_is_one_region(fixture: Fixture) -> TestResult {
    let holes = fragment(fixture, 4096)?;
    let stats = fixture.vm.stats();
    let free = stats.frames_free - stats.frames_reserve;
    // An upper bound for the number of page tables of levels 1, 2 and 3 that the pages need.
    let pages = free - free / 511 - 8;
    let region = value(fixture.vm.vmalloc(pages * 4096), "all free memory")?;
    let last = region.address() + (region.bytes() - 1);
    value(memory::write(fixture.vm, last, &[1]), "write to the last byte")?;
    ensure(fixture.vm.vmalloc(64 * 4096).is_err(), "memory is exhausted")?;
    drop(region);
    drop(holes);
    fixture.vm.purge();
    the_audit_is_sound(fixture)
}

/// Makes a thousand random allocations and frees. Each region must keep its bytes, and no memory may leak.
pub(super) fn churn_leaves_no_trace(fixture: Fixture) -> TestResult {
    const LIVE_MAX: usize = 64;
    let mut regions = Regions::with_capacity(LIVE_MAX);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..1000 {
        let choice = next();
        let index = usize::try_from(choice >> 32).unwrap_or(0) % LIVE_MAX;
        if index < regions.len() {
            let region = regions.swap_remove(index);
            let mut bytes = [0; 8];
            value(memory::read(fixture.vm, region.address(), &mut bytes), "read")?;
            ensure(bytes == tag(region.address()), "a region kept its bytes")?;
        } else {
            let region = value(fixture.vm.vmalloc((choice % 40 + 1) * 4096), "some pages")?;
            let address = region.address();
            value(memory::write(fixture.vm, address, &tag(address)), "write")?;
            regions.push(region);
        }
        if regions.len() == LIVE_MAX {
            regions.truncate(LIVE_MAX / 2);
        }
    }
    the_audit_is_sound(fixture)?;
    regions.clear();
    fixture.vm.purge();
    the_audit_is_sound(fixture)
}

pub(super) fn the_audit_is_sound(fixture: Fixture) -> TestResult {
    let audit = fixture.vm.check();
    match audit.violations().next() {
        Some(violation) => Err(FailedCheck::new(violation.what, [violation.at, 0])),
        None => ensure(audit.is_sound(), "the audit is sound"),
    }
}
