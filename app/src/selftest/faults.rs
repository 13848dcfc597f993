//! Tests of spurious page faults.

#![expect(unsafe_code, reason = "tells the handler where a fault was")]

use core::arch::asm;

use crate::Kernel;
use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::fault::is_over;
use crate::runtime::Runtime;
use crate::selftest::failed_check::{ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};

/// Returns the trap frame of a page fault with an error code.
fn fault(error: u64) -> TrapFrame {
    TrapFrame { registers: [0; 15], vector: 14, error, rip: 0, cs: 0, rflags: 0, rsp: 0, ss: 0 }
}

pub(super) fn spurious_faults_are_retried(fixture: Fixture) -> TestResult {
    const READ: u64 = 0;
    const WRITE: u64 = 1 << 1;
    const RESERVED: u64 = 1 << 3;
    const FETCH: u64 = 1 << 4;
    let region = value(fixture.vm.vmalloc(4096), "a page")?;
    let (address, before) = (region.address().as_u64(), fixture.vm.stats().faults_spurious);
    ensure(is_over(&fault(READ), address), "a read that is allowed")?;
    ensure(is_over(&fault(WRITE), address), "a write that is allowed")?;
    ensure(!is_over(&fault(FETCH), address), "a fetch that is refused")?;
    ensure(!is_over(&fault(RESERVED), address), "an entry that is broken")?;
    ensure(!is_over(&fault(READ), address + 4096), "a guard")?;
    ensure(!is_over(&fault(READ), 0x1000), "an address outside the window")?;
    same(fixture.vm.stats().faults_spurious, before + 2, "faults that were over")
}

pub(super) fn retries_are_limited(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vmalloc(4096), "a page")?;
    let address = region.address().as_u64();
    let tries = (0..1000).take_while(|_| is_over(&fault(0), address)).count();
    ensure(tries >= 100, "an access is tried again many times")?;
    ensure(tries < 1000, "an access is not tried again for ever")
}

/// If the fault were not recognized as spurious, it would end the image here, because the instruction has no entry in
/// the exception table.
pub(super) fn the_handler_checks_for_spurious_faults(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vmalloc(4096), "a page")?;
    let before = fixture.vm.stats().faults_spurious;
    // SAFETY: CR2 only holds the address of the last page fault.
    unsafe { asm!("mov cr2, {}", in(reg) region.address().as_u64(), options(nomem, nostack)) };
    Kernel::page_fault(&mut fault(0));
    same(fixture.vm.stats().faults_spurious, before + 1, "faults that were over")
}
