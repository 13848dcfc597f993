//! Shootdowns on many CPUs: every CPU is asked before the first answer is awaited. CPUs that do not
//! answer, and CPUs that go off line.
#![expect(unsafe_code, reason = "CPUs go off line")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{AccessKind, CpuId, FlushMode, Protection, Vmalloc};

/// The number of CPUs, of which one runs the shootdown.
const CPUS: u32 = 17;

/// The time after which a test that waits for an event fails.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The counts of CPUs that the test waits for.
#[derive(Default)]
struct Events {
    awake: AtomicU32,
    asked: AtomicU32,
    is_late: AtomicBool,
}

impl Events {
    /// Waits until `count` has reached `number`, or until one such wait has lasted too long.
    fn wait(&self, count: &AtomicU32, number: u32) {
        let began = Instant::now();
        while count.load(Ordering::SeqCst) < number && !self.is_late.load(Ordering::SeqCst) {
            if began.elapsed() > TIMEOUT {
                self.is_late.store(true, Ordering::SeqCst);
            }
            std::thread::yield_now();
        }
    }

    /// Waits for the interrupt of one CPU, and answers it only when all CPUs were interrupted.
    fn answer_last(&self, vm: &Vmalloc<SimMachine>, cpu: CpuId) {
        vm.machine().become_cpu(cpu);
        vm.leave_idle();
        self.awake.fetch_add(1, Ordering::SeqCst);
        while !vm.machine().is_interrupted(cpu) {
            std::thread::yield_now();
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.wait(&self.asked, CPUS - 1);
        vm.acknowledge();
    }
}

#[test]
fn every_cpu_is_asked_before_the_first_one_answers() {
    let vm = SimMachine::new(4_096, CPUS).set_up(sim::window(1 << 16), 0, 0).unwrap();
    let mut region = vm.vmalloc(4_096).unwrap();
    let events = Events::default();
    std::thread::scope(|scope| {
        for cpu in 1..CPUS {
            let (vm, events) = (&vm, &events);
            scope.spawn(move || events.answer_last(vm, CpuId(cpu)));
        }
        vm.machine().become_cpu(CpuId(0));
        events.wait(&events.awake, CPUS - 1);
        region.protect(Protection::ReadOnly).unwrap();
    });
    assert!(!events.is_late.load(Ordering::SeqCst), "a CPU was asked after another one answered");
    assert_eq!(vm.stats().interrupts, u64::from(CPUS - 1));
}

/// Sets a window up on a machine whose CPUs are all awake. CPU 0 is the current one.
fn machine(cpus: u32) -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(4_096, cpus).set_up(sim::window(1 << 16), 0, 0);
    let vm = vm.expect("the memory holds the records");
    for cpu in (0..cpus).rev() {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    vm
}

#[test]
fn a_cpu_that_does_not_answer_is_named_among_those_that_do() {
    let vm = machine(4);
    vm.machine().deafen(Some(CpuId(2)));
    drop(vm.vmalloc(4_096).unwrap());
    assert_eq!(vm.purge().areas, 0);
    let stats = vm.stats();
    assert_eq!((stats.interrupts, stats.laggards, stats.last_laggard), (3, 1, 2));
    assert!(vm.machine().is_interrupted(CpuId(2)), "the interrupt waits for the CPU");
    vm.machine().deafen(None);
    assert_eq!(vm.purge().areas, 1);
    assert_eq!(vm.stats().interrupts, 6);
}

/// Frees `count` regions, and returns the number of waits for a CPU that did not answer.
fn laggards_of_frees(vm: &Vmalloc<SimMachine>, count: u32) -> u64 {
    let before = vm.stats().laggards;
    for _ in 0..count {
        drop(vm.vmalloc(4_096).expect("memory is left"));
    }
    vm.stats().laggards - before
}

#[test]
fn few_frees_wait_for_a_cpu_that_does_not_answer() {
    for mode in [FlushMode::Lazy, FlushMode::Eager] {
        let vm = machine(2);
        vm.modes().set_flush(mode);
        vm.machine().deafen(Some(CpuId(1)));
        // The waits are followed by 64, 128, 256 and 512 frees that do not wait.
        let waits = laggards_of_frees(&vm, 1_000);
        assert!((1..=5).contains(&waits), "{mode:?}: {waits} waits");
        // A purge on demand and a request that finds no memory always try.
        assert_eq!(vm.purge().areas, 0);
        assert_eq!(vm.stats().laggards, waits + 1);
        let too_much = (vm.stats().frames_free + 1) * 4_096;
        assert!(vm.vmalloc(too_much).is_err());
        assert_eq!(vm.stats().laggards, waits + 2);
        // When the CPU has answered, the next free purges.
        vm.machine().deafen(None);
        vm.machine().on(CpuId(1));
        vm.acknowledge();
        vm.machine().on(CpuId(0));
        drop(vm.vmalloc(4_096).unwrap());
        assert_eq!((vm.stats().areas_lazy, vm.stats().laggards), (0, waits + 2));
        assert!(vm.check().is_sound());
    }
}

/// CPU 1 caches the tables of the window and goes off line. CPU 0 makes the call if `by_another` is
/// set.
fn go_off_line(vm: &Vmalloc<SimMachine>, by_another: bool) {
    let region = vm.vmalloc(4_096).expect("memory is left");
    vm.machine().on(CpuId(1));
    vm.machine().probe(region.address(), AccessKind::Read).expect("the page is mapped");
    vm.machine().on(CpuId(if by_another { 0 } else { 1 }));
    vm.machine().set_off_line(CpuId(1), true);
    vm.machine().deafen(Some(CpuId(1)));
    // SAFETY: the CPU is off line until it calls `leave_idle`.
    unsafe { vm.leave_cpu(CpuId(1)) };
    vm.machine().on(CpuId(0));
}

#[test]
fn no_flush_waits_for_a_cpu_that_is_off_line() {
    for by_another in [false, true] {
        let vm = machine(2);
        vm.machine().speculate(7, 64);
        go_off_line(&vm, by_another);
        let before = vm.stats();
        drop(vm.vmalloc(2 << 20).unwrap());
        // Page tables are freed too.
        vm.reclaim();
        let after = vm.stats();
        assert_eq!((after.interrupts, after.laggards), (before.interrupts, before.laggards));
        assert!(after.areas_lazy == 0 && after.table_pages < before.table_pages);
        // The CPU starts again, and flushes wait for it again.
        vm.machine().on(CpuId(1));
        vm.leave_idle();
        vm.machine().set_off_line(CpuId(1), false);
        vm.machine().deafen(None);
        let mut region = vm.vmalloc(4_096).unwrap();
        vm.machine().on(CpuId(0));
        region.protect(Protection::ReadOnly).unwrap();
        assert_eq!(vm.stats().interrupts, after.interrupts + 1);
        drop(region);
        assert!(vm.check().is_sound());
    }
}

#[test]
fn a_cpu_that_hangs_and_is_taken_off_line_ends_the_backoff() {
    let vm = machine(2);
    vm.machine().deafen(Some(CpuId(1)));
    assert!(laggards_of_frees(&vm, 600) > 0);
    assert!(vm.stats().areas_lazy > 0);
    vm.machine().set_off_line(CpuId(1), true);
    // SAFETY: the CPU is off line for the rest of the test.
    unsafe { vm.leave_cpu(CpuId(1)) };
    assert_eq!(laggards_of_frees(&vm, 1), 0);
    assert_eq!(vm.stats().areas_lazy, 0);
    assert!(vm.check().is_sound());
}
