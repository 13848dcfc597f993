//! What one CPU changes is what all others see, while they use it.

use core::sync::atomic::Ordering;

use vmalloc::{Cpus, PoolMode, Protection, Region};

use crate::hardware::machine::PcMachine;
use crate::selftest::crew::{self, Rounds};
use crate::selftest::failure::{Failure, ensure, same, value};
use crate::selftest::readers::{
    ADDRESS, FAULTS, FOREIGN, OURS, THEIRS, await_readers, ballast, is_still, plant, store,
    with_readers,
};
use crate::selftest::{Bench, Outcome};

/// Rounds of each test.
const STALE: Rounds = Rounds { most: 100_000, least: 1_000, us: 20_000_000 };
/// On two CPUs all of them, unless the host is very busy.
const STALE_ON_TWO: Rounds = Rounds { us: 120_000_000, ..STALE };
/// One round in so many is over with a full flush, the others with one by page.
const FULL_EVERY: u64 = 8;
const RIGHTS: Rounds = Rounds { most: 1_000, least: 20, us: 5_000_000 };

pub(super) fn no_stale_translation(bench: Bench) -> Outcome {
    // Neither frames nor addresses rest: the next region gets the frame that was freed last.
    bench.vm.set_pool_mode(PoolMode::Off);
    bench.vm.reclaim();
    let first = value(bench.vm.vmalloc(4096), "a page")?;
    // What is freed in front of it leaves a hole that only a page fits in.
    let behind = value(bench.vm.vmalloc(4096), "a page")?;
    store(bench, first.address(), OURS)?;
    let outcome = with_readers(bench, first.address(), || many_rounds(bench, first));
    drop(behind);
    bench.vm.set_pool_mode(PoolMode::On);
    outcome
}

fn many_rounds(bench: Bench, first: Region<'_, PcMachine>) -> Outcome {
    let mut page = Some(first);
    let (mut rounds, mut reused) = (0_u64, 0);
    let full_before = bench.vm.stats().flushes_full;
    let count = match bench.seconds {
        0 if bench.vm.machine().count() == 2 => STALE_ON_TWO,
        0 => STALE,
        seconds => Rounds { most: u64::MAX, least: 1, us: seconds * 1_000_000 },
    };
    count.run(|| {
        let old = match page.take() {
            Some(page) => page,
            // Zeroed: a reader that still has the address may find it mapped again.
            None => value(bench.vm.vzalloc(4096), "a page")?,
        };
        store(bench, old.address(), OURS)?;
        ADDRESS.store(old.address().as_u64(), Ordering::Release);
        await_readers(bench)?;
        let ballast = rounds.is_multiple_of(FULL_EVERY).then(|| ballast(bench)).transpose()?;
        rounds += 1;
        reused += u64::from(one_round(bench, old, ballast)?);
        Ok(())
    })?;
    if reused * 10 < rounds * 9 {
        return Err(Failure::new("rounds in which a frame was used again", [reused, rounds]));
    }
    ensure(bench.vm.stats().flushes_full > full_before, "no flush was a full one")?;
    if crew::others(bench).next().is_some() {
        ensure(FAULTS.load(Ordering::Relaxed) > 0, "no reader was ever refused")?;
    }
    Ok(())
}

/// Frees a page, and what else is to go with it, while readers use the page, and gives its frame to somebody else, at another address:
/// nobody may reach it by the old one. Says whether the frame was the same.
fn one_round(
    bench: Bench,
    page: Region<'_, PcMachine>,
    ballast: Option<Region<'_, PcMachine>>,
) -> Result<bool, Failure> {
    let (old, frame) = (page.address(), bench.vm.translate(page.address()));
    drop((ballast, page));
    if bench.vm.purge().areas == 0 {
        // A busy host has kept a CPU from answering in time: nothing was released.
        return Ok(false);
    }
    let next = value(bench.vm.vmalloc(3 * 4096), "three pages")?;
    let pages = || next.range().pages().map(|page| page.start_address());
    let is_reused = pages().any(|page| bench.vm.translate(page) == frame);
    if !is_reused || next.range().holds(old) {
        return Ok(false);
    }
    for page in pages() {
        store(bench, page, THEIRS)?;
    }
    await_readers(bench)?;
    for page in pages() {
        is_still(page, THEIRS, "a byte that was written by an old address")?;
    }
    same(FOREIGN.load(Ordering::Relaxed), 0, "bytes that were read by an old address")?;
    drop(next);
    bench.vm.purge();
    Ok(true)
}

pub(super) fn rights_hold_everywhere_on_return(bench: Bench) -> Outcome {
    let region = value(bench.vm.vmalloc(4096), "a page")?;
    let address = region.address();
    store(bench, address, OURS)?;
    with_readers(bench, address, || {
        RIGHTS.run(|| {
            await_readers(bench)?;
            value(region.protect(Protection::ReadOnly), "read-only")?;
            // Nobody can write any more: what is changed by another way stays.
            let frame = bench.vm.translate(address).map_or(0, |physical| physical.as_u64());
            plant(frame, OURS);
            await_readers(bench)?;
            is_still(address, OURS, "a read-only byte")?;
            value(region.protect(Protection::None), "none")?;
            plant(frame, THEIRS);
            await_readers(bench)?;
            same(FOREIGN.load(Ordering::Relaxed), 0, "bytes that nobody may read")?;
            plant(frame, OURS);
            value(region.protect(Protection::ReadWrite), "read-write")
        })
    })
}
