//! Tests of fatal faults. Each must print one line and a backtrace, and end the image with its exit code. The host tool
//! therefore runs each test in a separate image: for example `selftest=crash::guard`, and on CPU 1
//! `selftest=crash::other::guard`.

#![expect(unsafe_code, reason = "faults on purpose")]

use core::fmt;
use core::hint::black_box;

use vmalloc::{CpuId, Protection, Request};
use x86_64::instructions::interrupts;

use crate::hardware::machine::Window;
use crate::selftest::aps;
use crate::selftest::fixture::Fixture;

type Crash = fn(&'static Window, usize);

/// All crashes with their names.
const CRASHES: [(&str, Crash); 10] = [
    ("guard", guard),
    ("freed", freed),
    ("purged", purged),
    ("read_only", read_only),
    ("not_canonical", not_canonical),
    ("null", null),
    ("stack", stack),
    ("panic", panic),
    ("breakpoint", breakpoint),
    ("logged", logged),
];

/// Runs the crash with the given name, which ends the image. Returns only if no crash has this name.
pub(super) fn run_named(name: &str, vm: &'static Window) {
    let Some(name) = name.strip_prefix("crash::") else { return };
    let find = |name: &str| CRASHES.iter().find(|(known, _)| *known == name);
    if let Some((_, crash)) = find(name) {
        crash(vm, 0);
    } else if let Some((_, crash)) = name.strip_prefix("other::").and_then(find) {
        // The crash ends the image, so the result is not used.
        let _ = aps::run_on(Fixture { vm, seconds: 0 }, CpuId(1), *crash);
    }
}

fn guard(vm: &'static Window, _: usize) {
    let region = vm.vmalloc(8192).expect("two pages are free");
    write((region.address() + region.bytes() + 16_u64).as_u64());
}

fn freed(vm: &'static Window, _: usize) {
    let region = vm.vmalloc(4096).expect("a page is free");
    let address = region.address().as_u64();
    drop(region);
    write(address + 24);
}

fn purged(vm: &'static Window, _: usize) {
    let region = vm.vmalloc(4096).expect("a page is free");
    let address = region.address().as_u64();
    drop(region);
    vm.reclaim();
    write(address);
}

fn read_only(vm: &'static Window, _: usize) {
    let request = Request::try_new(4096).expect("a page has a size");
    let region = vm.allocate(&request.protection(Protection::ReadOnly)).expect("a page is free");
    write(region.address().as_u64() + 32);
}

fn not_canonical(_: &'static Window, _: usize) {
    write(0x8000_0000_0000);
}

fn null(_: &'static Window, _: usize) {
    write(0x10);
}

fn stack(_: &'static Window, _: usize) {
    let _ = black_box(overflow(&[0; 64]));
}

fn panic(_: &'static Window, _: usize) {
    panic!("asked to by the command line");
}

fn breakpoint(_: &'static Window, _: usize) {
    interrupts::int3();
}

/// Causes a fault while this CPU holds the lock of the console. The report must still be printed.
fn logged(_: &'static Window, _: usize) {
    struct Fatal;

    impl fmt::Display for Fatal {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(0x10);
            Ok(())
        }
    }

    log::error!("{Fatal}");
}

#[inline(never)]
fn write(address: u64) {
    let pointer = core::ptr::with_exposed_provenance_mut::<u64>(
        usize::try_from(address).unwrap_or(usize::MAX),
    );
    // SAFETY: not guaranteed, on purpose: the store must fault, and the image ends.
    unsafe { pointer.write_volatile(1) };
}

#[expect(unconditional_recursion, reason = "runs until the stack ends")]
fn overflow(frame: &[u64; 64]) -> u64 {
    let next = black_box([frame[0] + 1; 64]);
    overflow(&next) + black_box(frame[1])
}
