//! Shootdowns on many CPUs: every CPU is asked before the first answer is awaited.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{CpuId, Protection, Vmalloc};

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
    let region = vm.vmalloc(4_096).unwrap();
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

#[test]
fn a_cpu_that_does_not_answer_is_named_among_those_that_do() {
    let vm = SimMachine::new(4_096, 4).set_up(sim::window(1 << 16), 0, 0).unwrap();
    for cpu in [3, 2, 1, 0] {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
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
