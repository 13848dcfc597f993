//! Starts the loops of the APs as threads of Hermit. One thread is pinned to each core.

#![expect(unsafe_code, reason = "starts threads of the kernel")]

use core::sync::atomic::{AtomicBool, Ordering};

use runtime_config::layout::STACK_BYTES;
use runtime_config::limits::CPUS_MAX;
use spin::Once;
use vmalloc::CpuId;
use x86_64::instructions::interrupts;

use crate::hardware::cpu::{apic, clock, control, local};
use crate::hardware::exit::refuse;
use crate::hardware::machine::{self, Window};
use crate::hardware::memory::selfcheck;
use crate::hermit::{abi, records};
use crate::runtime::Worker;

#[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits on x86_64")]
const THREAD_BYTES: usize = STACK_BYTES as usize;
/// Hermit's interrupt vector that makes a core check for new threads.
const HERMIT_WAKEUP: u8 = 121;
/// Time in microseconds after which a core whose thread has not started is woken again.
const WAKE_US: u64 = 20_000;
/// Maximum number of times that a core is woken.
const WAKES_MAX: u64 = 50;

static WORKER: Once<Worker> = Once::new();
static IS_UP: [AtomicBool; CPUS_MAX] = [const { AtomicBool::new(false) }; CPUS_MAX];

/// Starts a thread on every core except the first, and returns the number of running CPUs. If a thread does not start
/// in time, a warning is logged.
///
/// # Context
///
/// Once, on the BSP, before any region of the window is freed. Interrupts are off afterwards.
pub(super) fn start(vm: &Window, worker: Worker) -> u32 {
    WORKER.call_once(|| worker);
    let cores = abi::sys_get_processor_count().min(vm.machine().topology().cpus().len());
    // Each function of Hermit returns with interrupts on.
    interrupts::disable();
    let mut running = 1;
    for (core, is_up) in IS_UP.iter().enumerate().take(cores).skip(1) {
        // SAFETY: the thread takes the number of its core and never returns. Hermit panics if it has no memory for the
        // thread, so the result is not used.
        unsafe {
            abi::sys_spawn2(thread, core, abi::NORMAL_PRIORITY, THREAD_BYTES, core.cast_signed())
        };
        interrupts::disable();
        if is_up_soon(vm, core, is_up) {
            running += 1;
        } else {
            log::warn!(target: "boot", "the thread of core {core} does not start");
        }
    }
    running
}

/// Waits until the thread of `core` has started, and returns whether it has. Hermit first checks for new threads and
/// then marks the core as sleeping. If the thread is added between these two steps, the core is not woken, so this
/// function wakes the core repeatedly.
fn is_up_soon(vm: &Window, core: usize, is_up: &AtomicBool) -> bool {
    let cpu = CpuId(u32::try_from(core).unwrap_or_default());
    (0..WAKES_MAX).any(|_| {
        let is_there = clock::wait(WAKE_US, || is_up.load(Ordering::Acquire));
        if !is_there {
            vm.machine().send(cpu, HERMIT_WAKEUP);
        }
        is_there
    })
}

/// The first function of the thread of an AP.
unsafe extern "C" fn thread(core: usize) {
    interrupts::disable();
    control::protect();
    apic::attach().unwrap_or_else(|error| refuse(error));
    records::load();
    let number = local::number();
    if number as usize != core {
        refuse(format_args!("the firmware's CPU {number} is core {core} of Hermit"));
    }
    let vm = machine::window().expect("the window is there before a second thread is");
    // Until here, TLB flushes have skipped this CPU. That was safe, because the memory that this thread has used is
    // never freed.
    vm.leave_idle();
    selfcheck::run().unwrap_or_else(|error| refuse(error));
    let worker = WORKER.get().expect("threads are started with their loop");
    worker(vm, &IS_UP[core])
}
