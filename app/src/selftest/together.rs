//! What many CPUs do at the same moment.

use core::sync::atomic::{AtomicU64, Ordering};

use vmalloc::{Cpus, RegionError, RegionId, Request};
use x86_64::VirtAddr;

use crate::hardware::cpu::apic;
use crate::hardware::machine::Window;
use crate::selftest::crew::{self, Rounds};
use crate::selftest::failure::{ensure, same, value};
use crate::selftest::readers::{ADDRESS, OURS, TURNS, await_readers, load, store};
use crate::selftest::{Bench, Outcome};

/// Rounds of each test.
const TABLES: Rounds = Rounds { most: 1_000, least: 20, us: 5_000_000 };
const FREES: Rounds = Rounds { most: 10_000, least: 100, us: 5_000_000 };

pub(super) fn tables_go_while_others_walk(bench: Bench) -> Outcome {
    let request = value(Request::try_new(4096), "a request")?;
    // A leaf table and a table above it of its own.
    let request = value(request.align(1 << 30), "an alignment")?;
    let stays = value(bench.vm.vmalloc(4096), "a page")?;
    let before = bench.vm.stats().table_pages;
    ADDRESS.store(stays.address().as_u64(), Ordering::Release);
    let rounds = || TABLES.run(|| one_table(bench, &request));
    crew::during(bench, walk_to_the_address, &ADDRESS, rounds)?;
    drop(stays);
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
fn walk_to_the_address(vm: &'static Window, cpu: usize) {
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
    let rounds = || FREES.run(|| one_free(bench));
    crew::during(bench, free_what_is_wanted, &WANTED, rounds)?;
    bench.vm.purge();
    Ok(())
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

fn free(vm: &Window, id: RegionId) {
    match vm.vfree(id) {
        Ok(_) => _ = WINNERS.fetch_add(1, Ordering::AcqRel),
        Err(RegionError::Gone { .. }) => {}
        Err(error) => panic!("a region that two CPUs free: {error}"),
    }
}

fn free_what_is_wanted(vm: &'static Window, cpu: usize) {
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
        // The hardware knows who it is.
        let is_right = vm.machine().current().0 as usize == cpu
            && apic::id() == vm.machine().topology().cpus()[cpu].identifier;
        TURNS[cpu].store(u64::from(is_right), Ordering::Release);
    })?;
    crew::end(bench)?;
    for cpu in crew::others(bench) {
        same(TURNS[cpu.0 as usize].load(Ordering::Acquire), 1, "a CPU with its own number")?;
    }
    same(bench.vm.machine().current().0.into(), 0, "the boot CPU's number")
}
