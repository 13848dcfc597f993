//! Starts the other CPUs, one after the other, and is where each begins in Rust.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, Ordering};

use runtime_config::layout::{AP_TRAMPOLINE_ADDRESS, IST_STACK_BYTES, STACK_BYTES};
use vmalloc::{AllocateError, Request};
use x86_64::VirtAddr;

use crate::bare::segments::{self, Segments};
use crate::bare::{apic, idt, trampoline};
use crate::hardware::cpu::local::Local;
use crate::hardware::cpu::{clock, control};
use crate::hardware::exit::refuse;
use crate::hardware::machine::{self, Window};
use crate::hardware::memory::selfcheck;
use crate::platform::span::Span;
use crate::runtime::Worker;

/// What the manual says to wait after a reset: for processors with an APIC chip of their own.
const RESET_US: u64 = 10_000;
/// And after the first start, before the second one.
const START_US: u64 = 200;
/// The longest that a CPU may take to its first sleep.
const PATIENCE_US: u64 = 1_000_000;

/// The boot CPU's record; the guard of its stack is the image's own.
static BOOT: Local = Local::new(0, Span::new(0, 0));

/// Makes the caller CPU 0.
pub(crate) fn load_boot_record() {
    BOOT.load();
}

/// A CPU beside the boot CPU: all that it needs before it can ask for anything.
#[derive(Debug)]
pub(crate) struct Other {
    local: Local,
    segments: Segments,
    worker: Worker,
    is_up: AtomicBool,
}

/// Starts every CPU that the firmware names, and returns how many run now. One that does not start
/// in its time is named in the log and is the last that is tried: it may come later, and what it
/// takes over then is still its own. Nobody waits for it.
///
/// # Errors
///
/// There is no memory for a stack.
///
/// # Context
///
/// Once, on the boot CPU, before anything of the window is freed.
pub(crate) fn start(vm: &'static Window, worker: Worker) -> Result<u32, AllocateError> {
    let mut running = 1;
    let reset_us = if is_quick() { 0 } else { RESET_US };
    for (number, cpu) in (0..).zip(vm.machine().topology().cpus()).skip(1) {
        let identifier = cpu.identifier;
        let (other, stack) = prepare(vm, number, worker)?;
        trampoline::prepare(stack, other);
        apic::reset(identifier);
        clock::wait(reset_us, || false);
        // Twice, as the manual wants it; a CPU that runs takes no notice of the second.
        apic::start(identifier, AP_TRAMPOLINE_ADDRESS);
        if !clock::wait(START_US, || other.is_up.load(Ordering::Acquire)) {
            apic::start(identifier, AP_TRAMPOLINE_ADDRESS);
        }
        if !clock::wait(PATIENCE_US, || other.is_up.load(Ordering::Acquire)) {
            log::warn!(target: "boot", "CPU {number} (identifier {identifier}) does not start");
            break;
        }
        running += 1;
    }
    Ok(running)
}

/// Whether a CPU can be started right after its reset: so it is in the families that have the APIC
/// in the processor and have ever had 64 bits, but for Intel's family 15.
fn is_quick() -> bool {
    let cpuid = raw_cpuid::CpuId::new();
    let family = cpuid.get_feature_info().map_or(0, |info| info.family_id());
    cpuid.get_vendor_info().is_some_and(|vendor| match vendor.as_str() {
        "GenuineIntel" => family == 6,
        "AuthenticAMD" | "HygonGenuine" => family >= 15,
        _ => false,
    })
}

/// Makes a CPU's stacks and records. They stay for ever.
fn prepare(
    vm: &'static Window,
    number: u32,
    worker: Worker,
) -> Result<(&'static Other, VirtAddr), AllocateError> {
    let stack = |bytes| {
        let request = Request::try_new(bytes).expect("a stack has a size");
        let region = vm.allocate(&request.system().with_reserve().caller("stack"))?;
        let range = region.range();
        let _ = region.into_raw();
        Ok(Span::from_bytes(range.address().as_u64(), bytes))
    };
    let main = stack(STACK_BYTES)?;
    let mut tops = [VirtAddr::zero(); 3];
    for top in &mut tops {
        *top = VirtAddr::new(stack(IST_STACK_BYTES)?.end);
    }
    let task = Box::leak(Box::new(segments::task(tops)));
    let other = Other {
        local: Local::new(number, main),
        segments: Segments::new(task),
        worker,
        is_up: AtomicBool::new(false),
    };
    Ok((Box::leak(Box::new(other)), VirtAddr::new(main.end)))
}

/// The first Rust of a CPU beside the boot CPU.
pub(crate) extern "C" fn main(other: &'static Other) -> ! {
    control::protect();
    other.local.load();
    other.segments.load();
    idt::load();
    let vm = machine::window().expect("the window is there before a second CPU is");
    // What this CPU has used so far, its stack and its records, stays for ever.
    vm.leave_idle();
    apic::init().unwrap_or_else(|error| refuse(error));
    selfcheck::run().unwrap_or_else(|error| refuse(error));
    (other.worker)(vm, &other.is_up)
}
