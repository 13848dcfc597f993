//! What the CPUs beside the boot CPU do: work that is left on their desks, and sleep.

use core::sync::atomic::{AtomicU32, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{CpuId, Vmalloc};
use x86_64::instructions::interrupts;

use crate::bare::cpu::vectors;
use crate::bare::machine::BareMachine;

/// A piece of work: a function and a number for it.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    /// What is done.
    pub(crate) run: fn(&'static Vmalloc<BareMachine>, usize),
    /// What it is told.
    pub(crate) argument: usize,
}

/// Where work for one CPU lies.
pub(crate) struct Desk {
    work: Mutex<Option<Work>>,
    /// Pieces that were left here, and pieces that are done.
    left: AtomicU32,
    done: AtomicU32,
}

static DESKS: [Desk; CPUS_MAX] = [const { Desk::new() }; CPUS_MAX];

/// The desk of a CPU.
pub(crate) fn desk(cpu: CpuId) -> &'static Desk {
    &DESKS[cpu.0 as usize]
}

impl Desk {
    const fn new() -> Self {
        Self { work: Mutex::new(None), left: AtomicU32::new(0), done: AtomicU32::new(0) }
    }

    fn take(&self) -> Option<Work> {
        self.work.lock().take()
    }

    /// Whether the CPU has nothing to do.
    pub(crate) fn is_clear(&self) -> bool {
        // Acquire: pairs with the Release in `run`: what was done is seen.
        self.done.load(Ordering::Acquire) == self.left.load(Ordering::Relaxed)
    }
}

/// Leaves work for another CPU and wakes it; false if it still has some.
///
/// # Context
///
/// On one CPU, the boot CPU: two that ask at once could both find the desk clear.
pub(crate) fn leave(vm: &Vmalloc<BareMachine>, cpu: CpuId, work: Work) -> bool {
    let desk = desk(cpu);
    if !desk.is_clear() {
        return false;
    }
    *desk.work.lock() = Some(work);
    desk.left.fetch_add(1, Ordering::Relaxed);
    vm.machine().send(cpu, vectors::WORK);
    true
}

/// Works and sleeps for ever.
pub(crate) fn run(vm: &'static Vmalloc<BareMachine>, desk: &'static Desk) -> ! {
    loop {
        interrupts::enable();
        while let Some(work) = desk.take() {
            (work.run)(vm, work.argument);
            // Release: pairs with `is_clear`.
            desk.done.fetch_add(1, Ordering::Release);
        }
        interrupts::disable();
        vm.enter_idle();
        // Work that is left after this look interrupts the halt.
        if desk.work.lock().is_none() {
            interrupts::enable_and_hlt();
            interrupts::disable();
        }
        vm.leave_idle();
    }
}
