//! Whole pairs on two CPUs at once.
#![expect(unsafe_code, reason = "CPUs halt")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use vmalloc::{CpuId, Vmalloc};

use crate::machine::BenchMachine;
use crate::pairs;
use crate::settings::Settings;
use crate::table::Table;
use crate::timing;

const SIZES: [u64; 2] = [1, 4];

const CPUS: u32 = 2;

pub(crate) fn measure(settings: &Settings, table: &mut Table) {
    for pages in SIZES {
        let what =
            format!("{}, pairs per us, 2 CPUs against 1, more is better", pairs::name(pages));
        if !table.wants(&what) {
            continue;
        }
        match pairs::window(CPUS) {
            Ok(vmalloc) => {
                let (both, one) = throughputs(settings, &vmalloc, pages);
                table.row(&what, Some(both), Some(one));
            }
            Err(error) => table.dash(&what, &error.to_string()),
        }
    }
}

/// Pairs in a microsecond, of all CPUs together and of one.
fn throughputs(settings: &Settings, vmalloc: &Vmalloc<BenchMachine>, pages: u64) -> (f64, f64) {
    let _neighbour = pairs::neighbour(vmalloc);
    let steps = steps_in_slice(settings, vmalloc, pages);
    let (mut both, mut one) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds() {
        both.push(throughput(vmalloc, pages, steps, CPUS));
        one.push(throughput(vmalloc, pages, steps, 1));
    }
    (timing::median(&mut both), timing::median(&mut one))
}

fn steps_in_slice(settings: &Settings, vmalloc: &Vmalloc<BenchMachine>, pages: u64) -> u64 {
    let mut steps = 1;
    loop {
        let start = Instant::now();
        pairs::run(vmalloc, pages, steps);
        if start.elapsed() >= settings.slice() {
            return steps;
        }
        steps *= 2;
    }
}

/// Pairs between two looks at what others ask for: a microsecond or two, as an interrupt takes.
const BURST: u64 = 16;

/// The first `cpus` CPUs do `steps` pairs each, from the same moment on.
fn throughput(vmalloc: &Vmalloc<BenchMachine>, pages: u64, steps: u64, cpus: u32) -> f64 {
    let (gate, done) = (Barrier::new(cpus as usize), AtomicU32::new(0));
    let work = |cpu| {
        BenchMachine::become_cpu(CpuId(cpu));
        vmalloc.leave_idle();
        gate.wait();
        let start = Instant::now();
        // A thread has no interrupts: it polls for flush requests.
        for _ in 0..steps / BURST {
            pairs::run(vmalloc, pages, BURST);
            vmalloc.acknowledge();
        }
        pairs::run(vmalloc, pages, steps % BURST);
        let elapsed = start.elapsed();
        // Answers flushes until the other threads have finished.
        done.fetch_add(1, Ordering::AcqRel);
        while done.load(Ordering::Acquire) < cpus {
            vmalloc.acknowledge();
            std::hint::spin_loop();
        }
        // SAFETY: the thread ends, and accesses no memory of the window.
        unsafe { vmalloc.enter_idle() };
        timing::per_step(elapsed, steps)
    };
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..cpus).map(|cpu| scope.spawn(move || work(cpu))).collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("no pair panics"));
        times.map(|nanoseconds| 1000.0 / nanoseconds).sum()
    })
}
