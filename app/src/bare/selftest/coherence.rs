//! What one CPU changes is what all others see.
//!
//! Readers run on every CPU but the boot CPU, which maps, frees and maps again. They use an address
//! for as long as they are told to, also after it was freed, as a bug in a kernel would.

#![expect(unsafe_code, reason = "writes to frames by the direct map")]

use core::sync::atomic::{AtomicU64, Ordering};

use runtime_config::limits::CPUS_MAX;
use vmalloc::{
    Access, Cpus, PoolMode, Protection, Region, RegionError, RegionId, Request, Vmalloc,
};
use x86_64::VirtAddr;

use crate::bare::cpu::access;
use crate::bare::machine::BareMachine;
use crate::bare::selftest::crew::{self, Rounds};
use crate::bare::selftest::failure::{Failure, ensure, same, value};
use crate::bare::selftest::{Bench, Outcome};

/// Rounds of each test.
const STALE: Rounds = Rounds { most: 100_000, least: 1_000, us: 20_000_000 };
/// On two CPUs all of them, unless the host is very busy.
const STALE_ON_TWO: Rounds = Rounds { us: 120_000_000, ..STALE };
const RIGHTS: Rounds = Rounds { most: 1_000, least: 20, us: 5_000_000 };
const TABLES: Rounds = Rounds { most: 1_000, least: 20, us: 5_000_000 };
const FREES: Rounds = Rounds { most: 10_000, least: 100, us: 5_000_000 };
/// The longest that a reader may take to its next turn.
const TURN_US: u64 = 2_000_000;

// Bytes, because a longer value could be seen half written.
/// What lies in memory that the readers may see, where it is not 0.
const OURS: u8 = 0x0a;
/// What lies in memory that they must not see.
const THEIRS: u8 = 0xbd;
/// What they write.
const WRITTEN: u8 = 0xfe;

/// The address that readers use; 0 ends them.
static ADDRESS: AtomicU64 = AtomicU64::new(0);
/// Turns of each reader.
static TURNS: [AtomicU64; CPUS_MAX] = [const { AtomicU64::new(0) }; CPUS_MAX];
/// Bytes of others that readers saw.
static FOREIGN: AtomicU64 = AtomicU64::new(0);
/// Accesses that were refused.
static FAULTS: AtomicU64 = AtomicU64::new(0);

/// Reads and writes a byte at the address again and again, and survives its faults.
fn use_the_address(vm: &'static Vmalloc<BareMachine>, cpu: usize) {
    loop {
        let address = ADDRESS.load(Ordering::Acquire);
        if address == 0 {
            return;
        }
        match load(address) {
            Some(0 | OURS | WRITTEN) => {}
            Some(_) => _ = FOREIGN.fetch_add(1, Ordering::Relaxed),
            None => _ = FAULTS.fetch_add(1, Ordering::Relaxed),
        }
        let written = vm.machine().write(VirtAddr::new_truncate(address), &[WRITTEN]);
        FAULTS.fetch_add(u64::from(written.is_err()), Ordering::Relaxed);
        TURNS[cpu].fetch_add(1, Ordering::Release);
        core::hint::spin_loop();
    }
}

/// Waits until every reader has begun and ended a turn.
fn await_readers(bench: Bench) -> Outcome {
    for cpu in crew::others(bench) {
        let turns = &TURNS[cpu.0 as usize];
        let start = turns.load(Ordering::Acquire);
        let has_turned = || turns.load(Ordering::Acquire) >= start + 2;
        ensure(crew::wait(bench, TURN_US, has_turned), "a reader stands still")?;
    }
    Ok(())
}

fn load(address: u64) -> Option<u8> {
    let mut byte = [0];
    (access::read(address, &mut byte) == 1).then_some(byte[0])
}

fn store(bench: Bench, address: VirtAddr, byte: u8) -> Outcome {
    value(bench.vm.machine().write(address, &[byte]), "write")
}

/// The byte at an address is still what was written there.
fn is_still(address: VirtAddr, byte: u8, what: &'static str) -> Outcome {
    let found = load(address.as_u64()).ok_or(Failure::new("read", [address.as_u64(), 0]))?;
    same(found.into(), byte.into(), what)
}

/// Starts the readers at an address, does something, and ends them whatever comes.
fn with_readers(bench: Bench, at: VirtAddr, work: impl FnOnce() -> Outcome) -> Outcome {
    ADDRESS.store(at.as_u64(), Ordering::Release);
    FOREIGN.store(0, Ordering::Relaxed);
    FAULTS.store(0, Ordering::Relaxed);
    crew::begin(bench, use_the_address)?;
    let outcome = work();
    ADDRESS.store(0, Ordering::Release);
    crew::end(bench)?;
    outcome
}

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

fn many_rounds(bench: Bench, first: Region<'_, BareMachine>) -> Outcome {
    let mut page = Some(first);
    let (mut rounds, mut reused) = (0, 0);
    let count = if bench.vm.machine().count() == 2 { STALE_ON_TWO } else { STALE };
    count.run(|| {
        let old = match page.take() {
            Some(page) => page,
            // Zeroed: a reader that still has the address may find it mapped again.
            None => value(bench.vm.vzalloc(4096), "a page")?,
        };
        store(bench, old.address(), OURS)?;
        ADDRESS.store(old.address().as_u64(), Ordering::Release);
        await_readers(bench)?;
        rounds += 1;
        reused += u64::from(one_round(bench, old)?);
        Ok(())
    })?;
    if reused * 10 < rounds * 9 {
        return Err(Failure::new("rounds in which a frame was used again", [reused, rounds]));
    }
    if crew::others(bench).next().is_some() {
        ensure(FAULTS.load(Ordering::Relaxed) > 0, "no reader was ever refused")?;
    }
    Ok(())
}

/// Frees a page while readers use it and gives its frame to somebody else, at another address:
/// nobody may reach it by the old one. Says whether the frame was the same.
fn one_round(bench: Bench, page: Region<'_, BareMachine>) -> Result<bool, Failure> {
    let (old, frame) = (page.address(), bench.vm.translate(page.address()));
    drop(page);
    same(bench.vm.purge().areas, 1, "areas that were purged")?;
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

/// Writes a byte by the direct map.
fn plant(frame: u64, byte: u8) {
    // SAFETY: the frame is a region's of this test, and the direct map has all of RAM.
    let bytes = unsafe { access::write(frame, &[byte]) };
    debug_assert_eq!(bytes, 1, "RAM is mapped");
}

pub(super) fn tables_go_while_others_walk(bench: Bench) -> Outcome {
    let request = value(Request::try_new(4096), "a request")?;
    // A leaf table and a table above it of its own.
    let request = value(request.align(1 << 30), "an alignment")?;
    let stays = value(bench.vm.vmalloc(4096), "a page")?;
    let before = bench.vm.stats().table_pages;
    ADDRESS.store(stays.address().as_u64(), Ordering::Release);
    crew::begin(bench, walk_to_the_address)?;
    let outcome = TABLES.run(|| one_table(bench, &request));
    ADDRESS.store(0, Ordering::Release);
    crew::end(bench)?;
    drop(stays);
    outcome?;
    bench.vm.reclaim();
    ensure(bench.vm.stats().table_pages <= before, "tables have not come back")?;
    ensure(bench.vm.check().is_sound(), "the audit finds something")
}

fn one_table(bench: Bench, request: &Request) -> Outcome {
    let region = value(bench.vm.allocate(request), "an aligned page")?;
    store(bench, region.address(), OURS)?;
    ADDRESS.store(region.address().as_u64(), Ordering::Release);
    await_readers(bench)?;
    drop(region);
    bench.vm.reclaim();
    Ok(())
}

/// Asks the crate and the processor about the address again and again.
fn walk_to_the_address(vm: &'static Vmalloc<BareMachine>, cpu: usize) {
    loop {
        let address = ADDRESS.load(Ordering::Acquire);
        if address == 0 {
            return;
        }
        let site = vm.locate(VirtAddr::new_truncate(address));
        core::hint::black_box((site, load(address)));
        TURNS[cpu].fetch_add(1, Ordering::Release);
        core::hint::spin_loop();
    }
}

/// The region that all CPUs want to free; 0 ends them.
static WANTED: AtomicU64 = AtomicU64::new(0);
/// Those that did.
static WINNERS: AtomicU64 = AtomicU64::new(0);

pub(super) fn one_of_many_frees_wins(bench: Bench) -> Outcome {
    WANTED.store(u64::MAX, Ordering::Release);
    crew::begin(bench, free_what_is_wanted)?;
    let outcome = FREES.run(|| one_free(bench));
    WANTED.store(0, Ordering::Release);
    crew::end(bench)?;
    bench.vm.purge();
    outcome
}

fn one_free(bench: Bench) -> Outcome {
    let id = value(bench.vm.vmalloc(4096), "a page")?.into_raw();
    WINNERS.store(0, Ordering::Relaxed);
    WANTED.store(id.get(), Ordering::Release);
    free(bench.vm, id);
    // Every other CPU has tried when it has turned once more.
    await_readers(bench)?;
    same(WINNERS.load(Ordering::Acquire), 1, "CPUs that freed one region")
}

fn free(vm: &Vmalloc<BareMachine>, id: RegionId) {
    match vm.vfree(id) {
        Ok(_) => _ = WINNERS.fetch_add(1, Ordering::AcqRel),
        Err(RegionError::Gone { .. }) => {}
        Err(error) => panic!("a region that two CPUs free: {error}"),
    }
}

fn free_what_is_wanted(vm: &'static Vmalloc<BareMachine>, cpu: usize) {
    let mut last = u64::MAX;
    loop {
        let wanted = WANTED.load(Ordering::Acquire);
        if wanted == 0 {
            return;
        }
        if wanted != last {
            last = wanted;
            if let Some(id) = RegionId::from_raw(wanted) {
                free(vm, id);
            }
        }
        TURNS[cpu].fetch_add(1, Ordering::Release);
        core::hint::spin_loop();
    }
}

pub(super) fn every_cpu_works_under_its_number(bench: Bench) -> Outcome {
    for cpu in crew::others(bench) {
        TURNS[cpu.0 as usize].store(0, Ordering::Relaxed);
    }
    crew::begin(bench, |vm, cpu| {
        let is_right = vm.machine().current().0 as usize == cpu;
        TURNS[cpu].store(u64::from(is_right), Ordering::Release);
    })?;
    crew::end(bench)?;
    for cpu in crew::others(bench) {
        same(TURNS[cpu.0 as usize].load(Ordering::Acquire), 1, "a CPU with its own number")?;
    }
    same(bench.vm.machine().current().0.into(), 0, "the boot CPU's number")
}
