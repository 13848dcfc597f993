//! Ends that nobody recovers from. Each must leave one line and its exit code, so the host tool
//! runs them one by one: `selftest=crash::guard`.

#![expect(unsafe_code, reason = "faults on purpose")]

use core::hint::black_box;

use vmalloc::Vmalloc;

use crate::bare::machine::BareMachine;

/// Runs the crash of this name, if there is one; then it does not return.
pub(super) fn run_named(name: &str, vm: &'static Vmalloc<BareMachine>) {
    match name {
        "crash::guard" => guard(vm),
        "crash::stack" => drop(black_box(overflow(&[0; 64]))),
        "crash::null" => write(0x10),
        "crash::panic" => panic!("asked to by the command line"),
        _ => {}
    }
}

fn guard(vm: &'static Vmalloc<BareMachine>) {
    let region = vm.vmalloc(8192).expect("two pages are free");
    write((region.address() + region.bytes() + 16_u64).as_u64());
}

fn write(address: u64) {
    let pointer = core::ptr::with_exposed_provenance_mut::<u64>(
        usize::try_from(address).unwrap_or(usize::MAX),
    );
    // SAFETY: none: the store must fault, and the image ends.
    unsafe { pointer.write_volatile(1) };
}

#[expect(unconditional_recursion, reason = "runs until the stack ends")]
fn overflow(frame: &[u64; 64]) -> u64 {
    let next = black_box([frame[0] + 1; 64]);
    overflow(&next) + black_box(frame[1])
}
