//! Tests that the page tables below CR3 have the expected entries.

use crate::hardware::memory::walk::{self, Translation};
use crate::hardware::memory::{image, stacks};
use crate::selftest::failed_check::{FailedCheck, ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};
use crate::selftest::memory;

fn mapped(address: u64) -> Result<Translation, FailedCheck> {
    walk::translate(address).ok_or(FailedCheck::new("not mapped", [address, 0]))
}

pub(super) fn sections_have_their_rights(_fixture: Fixture) -> TestResult {
    for (span, is_writable, is_executable) in [
        (image::text(), false, true),
        (image::rodata(), false, false),
        (image::data(), true, false),
    ] {
        ensure(!span.is_empty(), "every section has pages")?;
        for address in span.steps(4096).filter(|page| stacks::guard_at(*page).is_none()) {
            let expected = Translation { physical: address, is_writable, is_executable, level: 1 };
            if mapped(address)? != expected {
                return Err(FailedCheck::new("a page of the image has other rights", [address, 0]));
            }
        }
    }
    Ok(())
}

pub(super) fn ram_is_mapped_large(_fixture: Fixture) -> TestResult {
    let address = (16 << 20) + 0x1234;
    let found = mapped(address)?;
    same(found.physical, address, "RAM lies at its own address")?;
    same(found.level.into(), 2, "RAM has large pages")?;
    ensure(found.is_writable && !found.is_executable, "RAM is data")
}

pub(super) fn cr3_agrees_with_the_crate(fixture: Fixture) -> TestResult {
    let region = value(fixture.vm.vzalloc(600 * 4096), "more pages than a table has")?;
    for page in region.info().with_guard().pages() {
        let address = page.start_address() + 0x123_u64;
        let ours = walk::translate(address.as_u64()).map(|found| found.physical);
        let theirs = fixture.vm.translate(address).map(|physical| physical.as_u64());
        if ours != theirs {
            return Err(FailedCheck::new(
                "two walks differ",
                [address.as_u64(), ours.unwrap_or(0)],
            ));
        }
    }
    let first = mapped(region.address().as_u64())?;
    ensure(first.is_writable && !first.is_executable, "a region is data")?;
    same(first.level.into(), 1, "a region has small pages")?;
    // The same bytes must be visible through the direct map and through the region.
    let start = region.address();
    value(memory::write(fixture.vm, start, b"seen twice"), "write")?;
    let mut seen = [0; 10];
    let read = crate::hardware::cpu::access::read(first.physical, &mut seen);
    same(read as u64, 10, "bytes read through the direct map")?;
    ensure(&seen == b"seen twice", "a region's frame holds its bytes")
}
