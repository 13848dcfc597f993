//! Tests in which several CPUs operate on the window at the same time.

use core::sync::atomic::{AtomicU64, Ordering};

use vmalloc::{Cpus, RegionError, RegionId, Request};
use x86_64::VirtAddr;

use crate::hardware::cpu::apic;
use crate::hardware::machine::Window;
use crate::selftest::aps::{self, Rounds};
use crate::selftest::failed_check::{ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};
use crate::selftest::readers::{ADDRESS, OURS, TURNS, await_readers, load, store};

/// Rounds of each test.
const TABLES: Rounds = Rounds { most: 1_000, least: 20, us: 5_000_000 };
const FREES: Rounds = Rounds { most: 10_000, least: 100, us: 5_000_000 };

pub(super) fn tables_go_while_others_walk(fixture: Fixture) -> TestResult {
    let request = value(Request::try_new(4096), "a request")?;
    // The alignment gives the region its own tables of level 1 and 2.
    let request = value(request.align(1 << 30), "an alignment")?;
    let stays = value(fixture.vm.vmalloc(4096), "a page")?;
    let before = fixture.vm.stats().table_pages;
    ADDRESS.store(stays.address().as_u64(), Ordering::Release);
    let rounds = || TABLES.run(|| one_table(fixture, &request));
    aps::while_running(fixture, walk_to_the_address, &ADDRESS, rounds)?;
    drop(stays);
    fixture.vm.reclaim();
    ensure(fixture.vm.stats().table_pages <= before, "tables have not come back")?;
    ensure(fixture.vm.check().is_sound(), "the audit finds something")
}

fn one_table(fixture: Fixture, request: &Request) -> TestResult {
    let region = value(fixture.vm.allocate(request), "an aligned page")?;
    store(fixture, region.address(), OURS)?;
    ADDRESS.store(region.address().as_u64(), Ordering::Release);
    await_readers(fixture)?;
    drop(region);
    fixture.vm.reclaim();
    Ok(())
}

/// Translates the address repeatedly, by the `vmalloc` crate and by reading the page tables.
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

/// The region that all CPUs try to free. 0 stops them.
static TARGET: AtomicU64 = AtomicU64::new(0);
/// Number of CPUs that freed the region.
static WINNERS: AtomicU64 = AtomicU64::new(0);

pub(super) fn one_of_many_frees_wins(fixture: Fixture) -> TestResult {
    TARGET.store(u64::MAX, Ordering::Release);
    let rounds = || FREES.run(|| one_free(fixture));
    aps::while_running(fixture, free_the_target, &TARGET, rounds)?;
    fixture.vm.purge();
    Ok(())
}

fn one_free(fixture: Fixture) -> TestResult {
    let id = value(fixture.vm.vmalloc(4096), "a page")?.into_raw();
    WINNERS.store(0, Ordering::Relaxed);
    TARGET.store(id.get(), Ordering::Release);
    free(fixture.vm, id);
    // When each AP has completed one more turn, all APs have tried to free the region.
    await_readers(fixture)?;
    same(WINNERS.load(Ordering::Acquire), 1, "CPUs that freed one region")
}

fn free(vm: &Window, id: RegionId) {
    match vm.vfree(id) {
        Ok(_) => _ = WINNERS.fetch_add(1, Ordering::AcqRel),
        Err(RegionError::Gone { .. }) => {}
        Err(error) => panic!("a region that two CPUs free: {error}"),
    }
}

fn free_the_target(vm: &'static Window, cpu: usize) {
    let mut last = u64::MAX;
    loop {
        let target = TARGET.load(Ordering::Acquire);
        if target == 0 {
            return;
        }
        if target != last {
            last = target;
            if let Some(id) = RegionId::from_raw(target) {
                free(vm, id);
            }
        }
        TURNS[cpu].fetch_add(1, Ordering::Release);
        core::hint::spin_loop();
    }
}

pub(super) fn every_cpu_works_under_its_number(fixture: Fixture) -> TestResult {
    for cpu in aps::numbers(fixture) {
        TURNS[cpu.0 as usize].store(0, Ordering::Relaxed);
    }
    aps::start_all(fixture, |vm, cpu| {
        // The number of the CPU is checked by the identifier of the hardware.
        let is_right = vm.machine().current().0 as usize == cpu
            && apic::id() == vm.machine().topology().cpus()[cpu].identifier;
        TURNS[cpu].store(u64::from(is_right), Ordering::Release);
    })?;
    aps::await_all(fixture)?;
    for cpu in aps::numbers(fixture) {
        same(TURNS[cpu.0 as usize].load(Ordering::Acquire), 1, "a CPU with its own number")?;
    }
    same(fixture.vm.machine().current().0.into(), 0, "the boot CPU's number")
}
