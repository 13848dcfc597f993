//! Tests that the processor enforces the rights of pages in ring 0, and that page 0 and guard pages are not mapped.

#![expect(unsafe_code, reason = "writes to constants and calls data, to see it fault")]

use core::sync::atomic::AtomicU8;

use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};
use x86_64::registers::model_specific::{Efer, EferFlags};

use crate::hardware::cpu::access;
use crate::hardware::memory::{image, stacks};
use crate::selftest::failed_check::{ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};

static CONSTANT: [u8; 64] = [0x5a; 64];
/// A variable to which a call must fault. Its value is the instruction `ret`, in case the call succeeds.
static CODE: AtomicU8 = AtomicU8::new(RETURN);
const RETURN: u8 = 0xc3;

pub(super) fn constants_keep_their_value(_fixture: Fixture) -> TestResult {
    let address = CONSTANT.as_ptr().addr() as u64;
    ensure(image::rodata().holds(address), "the constant lies in rodata")?;
    // SAFETY: the store must fault. If it does not, only this test reads the constant.
    let written = unsafe { access::write(address, &[0xff; 64]) };
    same(written as u64, 0, "bytes written to a constant")?;
    let mut bytes = [0; 64];
    same(access::read(address, &mut bytes) as u64, 64, "bytes read from a constant")?;
    ensure(bytes == [0x5a; 64], "a constant changed")
}

pub(super) fn text_keeps_its_value(_fixture: Fixture) -> TestResult {
    let start = image::text().start;
    let before = access::read_word(start);
    ensure(before.is_some(), "text can be read")?;
    ensure(!access::can_write(start), "text can be written")?;
    ensure(access::read_word(start) == before, "text changed")
}

pub(super) fn data_does_not_run(_fixture: Fixture) -> TestResult {
    let address = CODE.as_ptr().addr() as u64;
    ensure(image::data().holds(address), "the variable lies in data")?;
    // SAFETY: if the fetch succeeds, it finds a `ret`.
    ensure(!unsafe { access::can_execute(address) }, "data can be run")
}

pub(super) fn stacks_do_not_run(_fixture: Fixture) -> TestResult {
    let code = AtomicU8::new(RETURN);
    // SAFETY: as above.
    ensure(!unsafe { access::can_execute(code.as_ptr().addr() as u64) }, "a stack can be run")
}

pub(super) fn regions_do_not_run(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vzalloc(4096), "one page")?;
    let address = region.address().as_u64();
    // SAFETY: the region belongs to this test.
    let written = unsafe { access::fill(address, 4096, RETURN) };
    same(written as u64, 4096, "bytes written")?;
    // SAFETY: if the fetch succeeds, it finds a `ret`.
    ensure(!unsafe { access::can_execute(address) }, "a region can be run")
}

pub(super) fn page_0_faults(_fixture: Fixture) -> TestResult {
    for address in [0, 1, 8, 4095] {
        ensure(!access::can_read(address), "page 0 can be read")?;
        ensure(!access::can_write(address), "page 0 can be written")?;
    }
    ensure(access::can_read(0x8000), "low memory can be read")
}

pub(super) fn stack_guards_fault(_fixture: Fixture) -> TestResult {
    for (_, guard) in stacks::guards() {
        for address in [guard.start, guard.end - 1] {
            ensure(!access::can_read(address), "a stack guard can be read")?;
            ensure(!access::can_write(address), "a stack guard can be written")?;
        }
        ensure(access::can_write(guard.end), "the stack above a guard can be written")?;
    }
    Ok(())
}

pub(super) fn control_registers_are_set(_fixture: Fixture) -> TestResult {
    ensure(Cr0::read().contains(Cr0Flags::WRITE_PROTECT), "CR0.WP is set")?;
    ensure(Efer::read().contains(EferFlags::NO_EXECUTE_ENABLE), "EFER.NXE is set")?;
    let stray = Cr4Flags::PAGE_GLOBAL | Cr4Flags::PCID;
    ensure(!Cr4::read().intersects(stray), "CR4.PGE and CR4.PCIDE are clear")
}
