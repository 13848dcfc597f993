//! Tests that recoverable faults of each kind, on each CPU, are counted and attributed to their region.

use core::sync::atomic::{AtomicU64, Ordering};

use vmalloc::{AccessKind, Cpus, Protection, Request, SiteKind};
use x86_64::VirtAddr;

use crate::hardware::cpu::access;
use crate::hardware::machine::Window;
use crate::selftest::aps;
use crate::selftest::failed_check::{FailedCheck, ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};
use crate::selftest::memory;

/// Bit mask of the CPUs that have passed.
static PASSED: AtomicU64 = AtomicU64::new(0);

pub(super) fn every_cpu_survives_and_names_every_kind(fixture: Fixture) -> TestResult {
    PASSED.store(0, Ordering::Relaxed);
    let before = fixture.vm.stats().faults_recovered;
    all_kinds(fixture.vm)?;
    // The CPUs run one after the other, because a purge of another CPU would end the lazy state of the freed region.
    for cpu in aps::numbers(fixture) {
        aps::run_on(fixture, cpu, |vm, _| {
            if all_kinds(vm).is_ok() {
                PASSED.fetch_or(1 << vm.machine().current().0, Ordering::Release);
            }
        })?;
    }
    let expected = (1 << fixture.vm.machine().count()) - 2;
    same(PASSED.load(Ordering::Acquire), expected, "the CPUs that have seen every kind")?;
    let cpus = u64::from(fixture.vm.machine().count());
    same(fixture.vm.stats().faults_recovered - before, cpus * FAULTS, "faults that were survived")
}

/// Number of faults that [`all_kinds`] causes.
const FAULTS: u64 = 7;

fn all_kinds(vm: &'static Window) -> Result<(), FailedCheck> {
    const READ: AccessKind = AccessKind::Read;
    const WRITE: AccessKind = AccessKind::Write;
    let region = value(vm.vmalloc(8192), "two pages")?;
    let (start, id) = (region.address(), region.id());
    refused(vm, start + 8192 + 16_u64, READ, SiteKind::Guard, 16)?;
    refused(vm, start + 8192 + 4095_u64, WRITE, SiteKind::Guard, 4095)?;
    same(
        vm.locate(start + 8200_u64).region.map_or(0, |info| info.id.get()),
        id.get(),
        "whose guard",
    )?;

    let constant = value(Request::try_new(4096), "a page")?.protection(Protection::ReadOnly);
    let constant = value(vm.allocate(&constant), "a constant page")?;
    value(memory::probe(vm, constant.address(), READ), "a constant can be read")?;
    refused(vm, constant.address() + 7_u64, WRITE, SiteKind::Busy, 7)?;

    drop(region);
    refused(vm, start + 5_u64, READ, SiteKind::Lazy, 5)?;
    vm.purge();
    refused(vm, start + 5_u64, READ, SiteKind::Free, 0)?;
    // An address between RAM and the window.
    refused(vm, VirtAddr::new(0xffff_a000_0000_0000), READ, SiteKind::Outside, 0)?;
    // A non-canonical address raises #GP instead of #PF.
    same(access::read(0x8000_0000_0000, &mut [0]) as u64, 0, "bytes of no canonical address")
}

/// Causes one fault, and checks to which region it is attributed.
fn refused(
    vm: &'static Window,
    address: VirtAddr,
    kind: AccessKind,
    expected: SiteKind,
    distance: u64,
) -> Result<(), FailedCheck> {
    let fault = memory::probe(vm, address, kind);
    ensure(fault.is_err_and(|fault| fault.address == address), "an access that must fault")?;
    let site = vm.locate(address);
    ensure(site.kind == expected, "the kind of a fault")?;
    same(site.distance, distance, "the distance of a fault")
}
