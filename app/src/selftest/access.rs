//! Tests of accesses that may fault: which bytes are copied, and which address is reported.

use core::array;

use vmalloc::AccessKind;

use crate::hardware::cpu::access;
use crate::selftest::failed_check::{FailedCheck, ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};
use crate::selftest::memory;

/// Length in bytes of a copy that crosses a page boundary and ends with less than a whole word.
const BYTES: usize = 4096 + 77;

fn pattern() -> [u8; BYTES] {
    array::from_fn(|index| (index % 251).to_le_bytes()[0])
}

pub(super) fn faults_name_the_exact_byte(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vzalloc(8192), "two pages")?;
    let end = region.address() + region.bytes();
    let mut bytes = [0xee; 200];
    for before in [0, 1, 7, 8, 9, 31, 32, 33, 63, 100] {
        let start = end - before;
        let faults = [
            memory::write(fixture.vm, start, &bytes).err(),
            memory::fill(fixture.vm, start, 200, 0xee).err(),
            memory::read(fixture.vm, start, &mut bytes).err(),
        ];
        for (fault, kind) in
            faults.into_iter().zip([AccessKind::Write, AccessKind::Write, AccessKind::Read])
        {
            let fault = fault.ok_or(FailedCheck::new("no fault behind a region", [before, 0]))?;
            same(fault.address.as_u64(), end.as_u64(), "the first address that faulted")?;
            ensure(fault.kind == kind, "the kind of the access")?;
        }
        ensure(bytes == [0xee; 200], "the bytes before the fault are read back")?;
    }
    Ok(())
}

pub(super) fn unaligned_copies_are_whole(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vzalloc(3 * 4096), "three pages")?;
    let sent = pattern();
    for offset in 0..33_u64 {
        let start = region.address() + offset;
        value(memory::fill(fixture.vm, region.address(), region.bytes(), 0x11), "fill")?;
        value(memory::write(fixture.vm, start, &sent), "write")?;
        let mut got = [0; BYTES];
        value(memory::read(fixture.vm, start, &mut got), "read")?;
        ensure(got == sent, "the written bytes are read back")?;
        let mut edge = [0; 1];
        value(memory::read(fixture.vm, start + BYTES as u64, &mut edge), "read behind")?;
        same(edge[0].into(), 0x11, "the byte behind a copy")?;
    }
    Ok(())
}

pub(super) fn general_protection_is_survived(_fixture: Fixture) -> TestResult {
    for address in [0x0000_8000_0000_0000, 0x8000_0000_0000_0000, 0xffff_7fff_ffff_fff8] {
        ensure(!access::can_read(address), "an address that is not canonical can be read")?;
        ensure(!access::can_write(address), "an address that is not canonical can be written")?;
    }
    Ok(())
}

pub(super) fn probes_change_nothing(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vzalloc(4096), "one page")?;
    value(memory::fill(fixture.vm, region.address(), 4096, 0x77), "fill")?;
    let (inside, guard) = (region.address() + 5_u64, region.address() + region.bytes());
    for kind in [AccessKind::Read, AccessKind::Write] {
        value(memory::probe(fixture.vm, inside, kind), "probe of a region")?;
        let fault = memory::probe(fixture.vm, guard, kind).err();
        let fault = fault.ok_or(FailedCheck::new("no fault on a guard", [0, 0]))?;
        same(fault.address.as_u64(), guard.as_u64(), "the probed address")?;
    }
    ensure(
        memory::probe(fixture.vm, inside, AccessKind::Execute).is_err(),
        "a region says it can be run",
    )?;
    let mut byte = [0];
    value(memory::read(fixture.vm, inside, &mut byte), "read")?;
    same(byte[0].into(), 0x77, "a probed byte")
}
