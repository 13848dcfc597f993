//! Readers for tests of stale translations. A reader is an AP that accesses an address until it is stopped, even after
//! the region was freed, as a faulty kernel could do.

#![expect(unsafe_code, reason = "writes to frames by the direct map")]

use core::sync::atomic::{AtomicU64, Ordering};

use runtime_config::limits::CPUS_MAX;
use vmalloc::{Frame, Protection, Region};
use x86_64::{PhysAddr, VirtAddr};

use crate::hardware::cpu::access;
use crate::hardware::machine::{PcMachine, Window};
use crate::hardware::memory::image;
use crate::selftest::aps;
use crate::selftest::failed_check::{FailedCheck, ensure, same, value};
use crate::selftest::fixture::{Fixture, TestResult};
use crate::selftest::memory;

/// Timeout in microseconds for the next turn of a reader.
const TURN_US: u64 = 2_000_000;

// Single bytes are used, because a longer value could be read while it is only partly written.
/// The value of memory that readers are allowed to read. They may also read 0.
pub(super) const OURS: u8 = 0x0a;
/// The value of memory that readers must not be able to read.
pub(super) const THEIRS: u8 = 0xbd;
/// The byte that readers write.
const WRITTEN: u8 = 0xfe;

/// The address that readers access. 0 makes the readers stop.
pub(super) static ADDRESS: AtomicU64 = AtomicU64::new(0);
/// Number of turns that each reader has completed.
pub(super) static TURNS: [AtomicU64; CPUS_MAX] = [const { AtomicU64::new(0) }; CPUS_MAX];
/// Number of times that readers have read a value that is not allowed.
pub(super) static FOREIGN: AtomicU64 = AtomicU64::new(0);
/// Number of accesses of readers that faulted.
pub(super) static FAULTS: AtomicU64 = AtomicU64::new(0);

/// Reads and writes a byte at the current address in a loop, and counts faults and values that are not allowed.
fn use_the_address(vm: &'static Window, cpu: usize) {
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
        let written = memory::write(vm, VirtAddr::new_truncate(address), &[WRITTEN]);
        FAULTS.fetch_add(u64::from(written.is_err()), Ordering::Relaxed);
        TURNS[cpu].fetch_add(1, Ordering::Release);
        core::hint::spin_loop();
    }
}

/// Waits until each reader has begun and completed a turn after this call.
pub(super) fn await_readers(fixture: Fixture) -> TestResult {
    for cpu in aps::numbers(fixture) {
        let turns = &TURNS[cpu.0 as usize];
        let start = turns.load(Ordering::Acquire);
        let has_turned = || turns.load(Ordering::Acquire) >= start + 2;
        ensure(aps::wait(fixture, TURN_US, has_turned), "a reader stands still")?;
    }
    Ok(())
}

pub(super) fn load(address: u64) -> Option<u8> {
    let mut byte = [0];
    (access::read(address, &mut byte) == 1).then_some(byte[0])
}

pub(super) fn store(fixture: Fixture, address: VirtAddr, byte: u8) -> TestResult {
    value(memory::write(fixture.vm, address, &[byte]), "write")
}

/// Checks that the byte at `address` still has the value `byte`, which the test has written.
pub(super) fn is_still(address: VirtAddr, byte: u8, what: &'static str) -> TestResult {
    let found = load(address.as_u64()).ok_or(FailedCheck::new("read", [address.as_u64(), 0]))?;
    same(found.into(), byte.into(), what)
}

/// Runs `work` while the readers access an address. Stops the readers afterwards, even if `work` fails.
pub(super) fn with_readers(
    fixture: Fixture,
    at: VirtAddr,
    work: impl FnOnce() -> TestResult,
) -> TestResult {
    ADDRESS.store(at.as_u64(), Ordering::Release);
    FOREIGN.store(0, Ordering::Relaxed);
    FAULTS.store(0, Ordering::Relaxed);
    aps::while_running(fixture, use_the_address, &ADDRESS, work)
}

/// Returns a mapping with more pages than are flushed one by one. When the mapping is freed, a full flush is necessary,
/// but no frame is freed.
pub(super) fn ballast(fixture: Fixture) -> Result<Region<'static, PcMachine>, FailedCheck> {
    const PAGES: usize = 40;
    let frame = Frame::containing_address(PhysAddr::new(image::rodata().start));
    // SAFETY: the frame holds constants, and the map is read-only.
    let map = unsafe { fixture.vm.vmap(&[frame; PAGES], Protection::ReadOnly, "ballast") };
    value(map, "a map")
}

/// Writes a byte through the direct map.
pub(super) fn plant(frame: u64, byte: u8) {
    // SAFETY: the frame belongs to a region of this test, and the direct map contains all RAM.
    let bytes = unsafe { access::write(frame, &[byte]) };
    debug_assert_eq!(bytes, 1, "RAM is mapped");
}
