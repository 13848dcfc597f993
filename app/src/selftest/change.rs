//! Tests that change the size, the rights and the page size of regions.

use vmalloc::{Huge, PAGE_BYTES, Protection, Request, Resize, Resized, SiteKind};

use crate::hardware::cpu::access;
use crate::hardware::memory::walk;
use crate::selftest::failed_check::{FailedCheck, ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};
use crate::selftest::memory;

const MIB: u64 = 1 << 20;

/// Returns the physical address of a page, read from the page tables that the processor uses.
pub(super) fn physical(address: u64) -> Result<u64, FailedCheck> {
    let found = walk::translate(address).ok_or(FailedCheck::new("not mapped", [address, 0]))?;
    Ok(found.physical)
}

pub(super) fn moved_regions_keep_their_frames(fixture: Fixture) -> TestResult {
    // With pools off, the next area of the same length is allocated directly behind this one.
    fixture.vm.reclaim();
    let mut region = value(fixture.vm.vmalloc(3 * MIB), "3 MiB")?;
    let behind = value(fixture.vm.vmalloc(3 * MIB), "3 MiB behind it")?;
    let old = region.address();
    let places = [0, MIB, 2 * MIB, 3 * MIB - PAGE_BYTES];
    let mut frames = [0; 4];
    for (place, frame) in places.into_iter().zip(&mut frames) {
        value(memory::write(fixture.vm, old + place, &place.to_le_bytes()), "write")?;
        *frame = physical((old + place).as_u64())?;
    }
    let how = value(region.resize(&Resize::to(5 * MIB)), "grow")?;
    ensure(how == Resized::Moved && region.address() != old, "it lies elsewhere")?;
    for (place, frame) in places.into_iter().zip(frames) {
        let mut word = [0; 8];
        value(memory::read(fixture.vm, region.address() + place, &mut word), "read")?;
        same(u64::from_le_bytes(word), place, "a byte after the move")?;
        same(physical((region.address() + place).as_u64())?, frame, "the frame after the move")?;
    }
    fixture.vm.purge();
    ensure(!access::can_read(old.as_u64()), "the old address can be read")?;
    let how = value(region.resize(&Resize::to(MIB)), "shrink")?;
    ensure(how == Resized::Shrunk, "it shrinks where it is")?;
    let guard = region.address() + MIB;
    ensure(!access::can_read(guard.as_u64()), "the new guard can be read")?;
    ensure(fixture.vm.locate(guard).kind == SiteKind::Guard, "the new guard is named")?;
    drop((region, behind));
    fixture.vm.purge();
    ensure(fixture.vm.check().is_sound(), "the audit is sound")
}

pub(super) fn rights_change_at_once(fixture: Fixture) -> TestResult {
    let mut region = value(fixture.vm.vzalloc(2 * PAGE_BYTES), "two pages")?;
    let last = (region.address() + PAGE_BYTES).as_u64();
    ensure(access::can_write(last), "a new region can be written")?;
    for (protection, reads, writes) in [
        (Protection::ReadOnly, true, false),
        (Protection::None, false, false),
        (Protection::ReadExecute, true, false),
        (Protection::ReadWrite, true, true),
    ] {
        value(region.protect(protection), "protect")?;
        ensure(access::can_read(last) == reads, "reads after a change of rights")?;
        ensure(access::can_write(last) == writes, "writes after a change of rights")?;
    }
    drop(region);
    Ok(())
}

pub(super) fn large_leaves_translate_and_split(fixture: Fixture) -> TestResult {
    let request = value(Request::try_new(4 * MIB), "4 MiB")?;
    let request = value(request.huge(Huge::Must), "two large leaves")?;
    let mut region = value(fixture.vm.allocate(&request), "two blocks of 2 MiB")?;
    let start = region.address();
    let level = |offset| fixture.vm.walk(start + offset).last().map_or(0, |(level, _)| level);
    same(u64::from(level(MIB)), 2, "the level of the leaf")?;
    let first = physical(start.as_u64())?;
    same(physical((start + 2 * MIB - 1).as_u64())?, first + 2 * MIB - 1, "one block")?;
    value(memory::write(fixture.vm, start + 3 * MIB - 8, b"unbroken"), "write")?;
    let how = value(region.resize(&Resize::to(3 * MIB)), "shrink into a leaf")?;
    ensure(how == Resized::Shrunk, "it shrinks where it is")?;
    same(u64::from(level(3 * MIB - 1)), 1, "the level after the split")?;
    let mut bytes = [0; 8];
    value(memory::read(fixture.vm, start + 3 * MIB - 8, &mut bytes), "read")?;
    ensure(&bytes == b"unbroken", "bytes after the split")?;
    ensure(!access::can_read((start + 3 * MIB).as_u64()), "the new guard can be read")?;
    drop(region);
    fixture.vm.reclaim();
    ensure(fixture.vm.check().is_sound(), "the audit is sound")
}
