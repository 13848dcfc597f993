//! Starts the APs, one after the other.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, Ordering};

use runtime_config::layout::{AP_TRAMPOLINE_ADDRESS, IST_STACK_BYTES, STACK_BYTES};
use vmalloc::{AllocateError, Request};
use x86_64::VirtAddr;

use crate::bare::ap::Ap;
use crate::bare::segments::{self, Segments};
use crate::bare::{apic, trampoline};
use crate::hardware::cpu::clock;
use crate::hardware::cpu::local::Local;
use crate::hardware::machine::Window;
use crate::platform::span::Span;
use crate::runtime::Worker;

/// Time in microseconds to wait after a reset. The Intel SDM requires it for processors whose APIC is a separate chip.
const RESET_US: u64 = 10_000;
/// Time in microseconds between the first and the second start command, from the same manual.
const START_US: u64 = 200;
/// Maximum time in microseconds from the start command until the AP has entered its loop.
const START_TIMEOUT_US: u64 = 1_000_000;

/// The record of the BSP. It contains no stack, because the guard page of the BSP's stack is declared as a page of the
/// image.
static BSP: Local = Local::new(0, Span::new(0, 0));

/// Makes the calling CPU number 0.
pub(crate) fn load_bsp_record() {
    BSP.load();
}

/// Starts all APs that the firmware lists, and returns the number of running CPUs. If an AP does not start in time, a
/// warning is logged and the remaining APs are not started: the AP may still start later, and the parameters of the
/// start code must then not be those of another AP.
///
/// # Errors
///
/// Memory for a stack cannot be allocated.
///
/// # Context
///
/// Once, on the BSP, before any region of the window is freed.
pub(crate) fn start(vm: &'static Window, worker: Worker) -> Result<u32, AllocateError> {
    let mut running = 1;
    let reset_us = if is_quick() { 0 } else { RESET_US };
    for (number, cpu) in (0..).zip(vm.machine().topology().cpus()).skip(1) {
        let identifier = cpu.identifier;
        let (ap, stack) = prepare(vm, number, worker)?;
        trampoline::prepare(stack, ap);
        apic::reset(identifier);
        clock::wait(reset_us, || false);
        // The command is sent twice, as the manual requires. A CPU that runs already ignores the second command.
        apic::start(identifier, AP_TRAMPOLINE_ADDRESS);
        if !clock::wait(START_US, || ap.is_up.load(Ordering::Acquire)) {
            apic::start(identifier, AP_TRAMPOLINE_ADDRESS);
        }
        if !clock::wait(START_TIMEOUT_US, || ap.is_up.load(Ordering::Acquire)) {
            log::warn!(target: "boot", "CPU {number} (identifier {identifier}) does not start");
            break;
        }
        running += 1;
    }
    Ok(running)
}

/// Returns whether an AP can be started right after its reset. This is possible on 64-bit processors, whose APIC is not
/// a separate chip, except on Intel's family 15.
fn is_quick() -> bool {
    let cpuid = raw_cpuid::CpuId::new();
    let family = cpuid.get_feature_info().map_or(0, |info| info.family_id());
    cpuid.get_vendor_info().is_some_and(|vendor| match vendor.as_str() {
        "GenuineIntel" => family == 6,
        "AuthenticAMD" | "HygonGenuine" => family >= 15,
        _ => false,
    })
}

/// Allocates the stacks and records of AP `number`, which are never freed. Returns the records and the initial stack
/// pointer.
fn prepare(
    vm: &'static Window,
    number: u32,
    worker: Worker,
) -> Result<(&'static Ap, VirtAddr), AllocateError> {
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
    let ap = Ap {
        local: Local::new(number, main),
        segments: Segments::new(task),
        worker,
        is_up: AtomicBool::new(false),
    };
    Ok((Box::leak(Box::new(ap)), VirtAddr::new(main.end)))
}
