//! What the CPUs beside the boot CPU do: work that is left on their desks, and sleep.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{CpuId, Cpus};
use x86_64::instructions::interrupts;

use crate::hardware::console;
use crate::hardware::cpu::{apic, clock, vectors};
use crate::hardware::machine::Window;
use crate::server::position::Watchdog;

/// Between two looks at the loop.
const WATCH_US: u64 = 1_000_000;

/// A piece of work: a function and a number for it.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    /// What is done.
    pub(crate) run: fn(&'static Window, usize),
    /// What it is told.
    pub(crate) argument: usize,
}

/// Where work for one CPU lies.
pub(crate) struct Desk {
    /// Whether its CPU runs.
    is_open: AtomicBool,
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
        Self {
            is_open: AtomicBool::new(false),
            work: Mutex::new(None),
            left: AtomicU32::new(0),
            done: AtomicU32::new(0),
        }
    }

    /// Says that its CPU runs.
    fn open(&self) {
        self.is_open.store(true, Ordering::Release);
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

/// Whether any CPU beside the boot CPU runs.
pub(crate) fn is_any_open() -> bool {
    DESKS.iter().any(|desk| desk.is_open.load(Ordering::Acquire))
}

/// Leaves work for another CPU and wakes it; false if it still has some, or does not run.
///
/// # Context
///
/// On one CPU, the boot CPU: two that ask at once could both find the desk clear.
pub(crate) fn leave(vm: &Window, cpu: CpuId, work: Work) -> bool {
    let desk = desk(cpu);
    if !desk.is_open.load(Ordering::Acquire) || !desk.is_clear() {
        return false;
    }
    *desk.work.lock() = Some(work);
    desk.left.fetch_add(1, Ordering::Relaxed);
    vm.machine().send(cpu, vectors::WORK);
    true
}

/// Has any other CPU that has time do something; false if none has.
///
/// # Context
///
/// As [`leave`].
pub(crate) fn lend(vm: &'static Window, run: fn(&'static Window, usize), argument: usize) -> bool {
    (1..vm.machine().count()).any(|cpu| leave(vm, CpuId(cpu), Work { run, argument }))
}

/// Has the first `cpus` CPUs do the same at once, and returns when all have ended. CPU 0 is one of
/// them, with interrupts on: it answers flushes as the others do.
///
/// # Context
///
/// On the boot CPU, with interrupts off. Bound: that of the work.
pub(crate) fn together(vm: &'static Window, cpus: u32, run: fn(&'static Window, usize)) {
    for cpu in (1..cpus).map(CpuId) {
        // One that does not run takes no part.
        let _ = leave(vm, cpu, Work { run, argument: cpu.0 as usize });
    }
    interrupts::enable();
    run(vm, 0);
    while !(1..cpus).all(|cpu| desk(CpuId(cpu)).is_clear()) {
        core::hint::spin_loop();
    }
    interrupts::disable();
}

/// Works and sleeps for ever. CPU 1 looks once a second whether the boot CPU's loop turns.
pub(crate) fn run(vm: &'static Window, is_up: &AtomicBool) -> ! {
    let desk = desk(vm.machine().current());
    desk.open();
    // Release: who sees it may leave work here.
    is_up.store(true, Ordering::Release);
    let mut watchdog = (vm.machine().current() == CpuId(1)).then(Watchdog::default);
    loop {
        if let Some(stall) = watchdog.as_mut().and_then(|watchdog| watchdog.look(clock::now_us())) {
            // Past the console's lock: the boot CPU may have stopped with it.
            console::raw(format_args!("WARN watchdog: {stall}"));
        }
        interrupts::enable();
        while let Some(work) = desk.take() {
            (work.run)(vm, work.argument);
            // Release: pairs with `is_clear`.
            desk.done.fetch_add(1, Ordering::Release);
            // The boot CPU may sleep until this is done.
            vm.machine().send(CpuId(0), vectors::WORK);
        }
        interrupts::disable();
        if watchdog.is_some() {
            apic::start_timer(clock::timer_ticks(WATCH_US));
        }
        vm.enter_idle();
        // Work that is left after this look interrupts the halt.
        if desk.work.lock().is_none() {
            interrupts::enable_and_hlt();
            interrupts::disable();
        }
        vm.leave_idle();
    }
}
