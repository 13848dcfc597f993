//! Tests that changes of a region by one CPU become visible to all CPUs that use the region at the same time.

use core::sync::atomic::Ordering;

use vmalloc::{Cpus, PoolMode, Protection, Region};

use crate::hardware::machine::PcMachine;
use crate::selftest::aps::{self, Rounds};
use crate::selftest::failed_check::{FailedCheck, ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};
use crate::selftest::readers::{
    ADDRESS, FAULTS, FOREIGN, OURS, THEIRS, await_readers, ballast, is_still, plant, store,
    with_readers,
};

/// Rounds of each test.
const STALE: Rounds = Rounds { most: 100_000, least: 1_000, us: 20_000_000 };
/// On a machine with two CPUs, all rounds run within this time unless the host is very busy.
const STALE_ON_TWO: Rounds = Rounds { us: 120_000_000, ..STALE };
/// One of this many rounds ends with a full TLB flush, all other rounds with a flush of single pages.
const FULL_EVERY: u64 = 8;
const RIGHTS: Rounds = Rounds { most: 1_000, least: 20, us: 5_000_000 };

pub(super) fn no_stale_translation(fixture: Fixture) -> TestResult {
    // With pools off, the next region gets the frame that was freed last.
    fixture.vm.modes().set_pools(PoolMode::Off);
    fixture.vm.reclaim();
    let first = value(fixture.vm.vmalloc(4096), "a page")?;
    // This page lies behind the page that will be freed, so that the hole has exactly one page.
    let behind = value(fixture.vm.vmalloc(4096), "a page")?;
    store(fixture, first.address(), OURS)?;
    let outcome = with_readers(fixture, first.address(), || many_rounds(fixture, first));
    drop(behind);
    fixture.vm.modes().set_pools(PoolMode::On);
    outcome
}

fn many_rounds(fixture: Fixture, first: Region<'_, PcMachine>) -> TestResult {
    let mut page = Some(first);
    let (mut rounds, mut reused) = (0_u64, 0);
    let full_before = fixture.vm.stats().flushes_full;
    let count = match fixture.seconds {
        0 if fixture.vm.machine().count() == 2 => STALE_ON_TWO,
        0 => STALE,
        seconds => Rounds { most: u64::MAX, least: 1, us: seconds * 1_000_000 },
    };
    count.run(|| {
        let old = match page.take() {
            Some(page) => page,
            // The region is zeroed, because readers may still use the address when it is mapped again, and 0 is
            // allowed.
            None => value(fixture.vm.vzalloc(4096), "a page")?,
        };
        store(fixture, old.address(), OURS)?;
        ADDRESS.store(old.address().as_u64(), Ordering::Release);
        await_readers(fixture)?;
        let ballast = rounds.is_multiple_of(FULL_EVERY).then(|| ballast(fixture)).transpose()?;
        rounds += 1;
        reused += u64::from(one_round(fixture, old, ballast)?);
        Ok(())
    })?;
    if reused * 10 < rounds * 9 {
        return Err(FailedCheck::new("rounds in which a frame was used again", [reused, rounds]));
    }
    ensure(fixture.vm.stats().flushes_full > full_before, "no flush was a full one")?;
    if aps::numbers(fixture).next().is_some() {
        ensure(FAULTS.load(Ordering::Relaxed) > 0, "no reader was ever refused")?;
    }
    Ok(())
}

/// Frees a page and the ballast while readers use the page, and allocates its frame at another address. No reader may
/// access the frame by the old address. Returns whether the second allocation got the same frame.
fn one_round(
    fixture: Fixture,
    page: Region<'_, PcMachine>,
    ballast: Option<Region<'_, PcMachine>>,
) -> Result<bool, FailedCheck> {
    let (old, frame) = (page.address(), fixture.vm.translate(page.address()));
    drop((ballast, page));
    if fixture.vm.purge().areas == 0 {
        // On a busy host, a CPU may not have acknowledged the flush in time. The purge has then released no area.
        return Ok(false);
    }
    let next = value(fixture.vm.vmalloc(3 * 4096), "three pages")?;
    let pages = || next.range().pages().map(|page| page.start_address());
    let is_reused = pages().any(|page| fixture.vm.translate(page) == frame);
    if !is_reused || next.range().holds(old) {
        return Ok(false);
    }
    for page in pages() {
        store(fixture, page, THEIRS)?;
    }
    await_readers(fixture)?;
    for page in pages() {
        is_still(page, THEIRS, "a byte that was written by an old address")?;
    }
    same(FOREIGN.load(Ordering::Relaxed), 0, "bytes that were read by an old address")?;
    drop(next);
    fixture.vm.purge();
    Ok(true)
}

pub(super) fn rights_hold_everywhere_on_return(fixture: Fixture) -> TestResult {
    let mut region = value(fixture.vm.vmalloc(4096), "a page")?;
    let address = region.address();
    store(fixture, address, OURS)?;
    with_readers(fixture, address, || {
        RIGHTS.run(|| {
            await_readers(fixture)?;
            value(region.protect(Protection::ReadOnly), "read-only")?;
            // When the region is read-only for all CPUs, readers can no longer overwrite a byte that is written through
            // the direct map.
            let frame = fixture.vm.translate(address).map_or(0, |physical| physical.as_u64());
            plant(frame, OURS);
            await_readers(fixture)?;
            is_still(address, OURS, "a read-only byte")?;
            value(region.protect(Protection::None), "none")?;
            plant(frame, THEIRS);
            await_readers(fixture)?;
            same(FOREIGN.load(Ordering::Relaxed), 0, "bytes that nobody may read")?;
            plant(frame, OURS);
            value(region.protect(Protection::ReadWrite), "read-write")
        })
    })
}
