//! The mailboxes through which the BSP submits work to APs, and the loop in which an AP works and sleeps.

#![expect(unsafe_code, reason = "no flush waits for a CPU that sleeps")]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{CpuId, Cpus};
use x86_64::instructions::interrupts;

use crate::hardware::console;
use crate::hardware::cpu::{apic, clock, vectors};
use crate::hardware::machine::Window;
use crate::server::position::Watchdog;

/// Period of the watchdog in microseconds.
const WATCH_US: u64 = 1_000_000;

/// A function that an AP must call, with its argument.
#[derive(Clone, Copy)]
pub(crate) struct WorkItem {
    /// The function.
    pub(crate) run: fn(&'static Window, usize),
    /// Its argument.
    pub(crate) argument: usize,
}

/// The mailbox of one CPU. It contains at most one work item.
pub(crate) struct Mailbox {
    /// Whether the CPU runs and accepts work.
    is_open: AtomicBool,
    work: Mutex<Option<WorkItem>>,
    /// Number of work items that were submitted.
    submitted: AtomicU32,
    /// Number of work items that are done.
    done: AtomicU32,
}

static MAILBOXES: [Mailbox; CPUS_MAX] = [const { Mailbox::new() }; CPUS_MAX];

/// Returns the mailbox of a CPU.
pub(crate) fn of(cpu: CpuId) -> &'static Mailbox {
    &MAILBOXES[cpu.0 as usize]
}

impl Mailbox {
    const fn new() -> Self {
        Self {
            is_open: AtomicBool::new(false),
            work: Mutex::new(None),
            submitted: AtomicU32::new(0),
            done: AtomicU32::new(0),
        }
    }

    /// Marks the CPU as running, so that it accepts work.
    fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    fn take(&self) -> Option<WorkItem> {
        self.work.lock().take()
    }

    /// Returns whether all submitted work is done.
    pub(crate) fn is_idle(&self) -> bool {
        // Acquire: pairs with the Release in `run`. A CPU that reads the raised count also sees the effects of the
        // work.
        self.done.load(Ordering::Acquire) == self.submitted.load(Ordering::Relaxed)
    }
}

/// Returns whether any AP runs.
pub(crate) fn is_any_open() -> bool {
    MAILBOXES.iter().any(|mailbox| mailbox.is_open.load(Ordering::Acquire))
}

/// Submits `work` to the AP `cpu` and wakes the AP. Returns `false` if the AP is busy or does not run.
///
/// # Context
///
/// On the BSP only: two concurrent callers could both find the mailbox idle.
pub(crate) fn submit(vm: &Window, cpu: CpuId, work: WorkItem) -> bool {
    let mailbox = of(cpu);
    if !mailbox.is_open.load(Ordering::Acquire) || !mailbox.is_idle() {
        return false;
    }
    *mailbox.work.lock() = Some(work);
    mailbox.submitted.fetch_add(1, Ordering::Relaxed);
    vm.machine().send(cpu, vectors::WORK);
    true
}

/// Submits the call of `run` with `argument` to the first idle AP. Returns `false` if all APs are busy.
///
/// # Context
///
/// As [`submit`].
pub(crate) fn submit_to_any(
    vm: &'static Window,
    run: fn(&'static Window, usize),
    argument: usize,
) -> bool {
    (1..vm.machine().count()).any(|cpu| submit(vm, CpuId(cpu), WorkItem { run, argument }))
}

/// Calls `run` on the first `cpus` CPUs at the same time, and returns when all calls have returned. The BSP is one of
/// these CPUs. Interrupts are on during the call, so that the BSP acknowledges flushes of the APs.
///
/// # Context
///
/// On the BSP, with interrupts off. The spin loop has no limit of its own; it ends when the APs have finished `run`.
pub(crate) fn run_on_all(vm: &'static Window, cpus: u32, run: fn(&'static Window, usize)) {
    for cpu in (1..cpus).map(CpuId) {
        // An AP that does not run or is busy is left out.
        let _ = submit(vm, cpu, WorkItem { run, argument: cpu.0 as usize });
    }
    interrupts::enable();
    run(vm, 0);
    while !(1..cpus).all(|cpu| of(CpuId(cpu)).is_idle()) {
        core::hint::spin_loop();
    }
    interrupts::disable();
}

/// Executes submitted work, and sleeps while the mailbox is empty. CPU 1 also checks once a second that the loop of the
/// BSP makes progress.
pub(crate) fn run(vm: &'static Window, is_up: &AtomicBool) -> ! {
    let mailbox = of(vm.machine().current());
    mailbox.open();
    // Release: pairs with the Acquire of the CPU that waits for this AP. When that CPU reads `true`, the mailbox is
    // open.
    is_up.store(true, Ordering::Release);
    let mut watchdog = (vm.machine().current() == CpuId(1)).then(Watchdog::default);
    loop {
        if let Some(stall) = watchdog.as_mut().and_then(|watchdog| watchdog.look(clock::now_us())) {
            // Written without the lock of the console, because the BSP may have stopped while it held that lock.
            console::raw(format_args!("WARN watchdog: {stall}"));
        }
        interrupts::enable();
        while let Some(work) = mailbox.take() {
            (work.run)(vm, work.argument);
            // Release: pairs with `is_idle`.
            mailbox.done.fetch_add(1, Ordering::Release);
            // Wakes the BSP, which may sleep until this work is done.
            vm.machine().send(CpuId(0), vectors::WORK);
        }
        interrupts::disable();
        if watchdog.is_some() {
            apic::start_timer(clock::timer_ticks(WATCH_US));
        }
        // SAFETY: until `leave_idle`, this code and the interrupt handlers access only the stack and statics, which
        // always stay mapped. Threads are not moved to another CPU.
        unsafe { vm.enter_idle() };
        // The IPI of work that is submitted after this check ends the halt.
        if mailbox.work.lock().is_none() {
            interrupts::enable_and_hlt();
            interrupts::disable();
        }
        vm.leave_idle();
    }
}
