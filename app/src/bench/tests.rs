//! Tests of all workloads on the simulated machine.

use std::sync::Mutex;
use std::time::Instant;

use vmalloc::Vmalloc;
use vmalloc::sim::{self, SimMachine};

use super::{Plan, WORKLOADS, alone, run};

/// Held during a round, because a process can run only one round at a time.
static TURN: Mutex<()> = Mutex::new(());

fn clock() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_micros().try_into().unwrap_or(u64::MAX)
}

fn plan(workload: usize) -> Plan {
    Plan { workload, cpus: 1, loops: 20, pages: 1, us: 1_000_000, clock }
}

fn machine(frames: u64) -> &'static Vmalloc<SimMachine> {
    // The workloads have many regions of one page, so there is a slot for each frame, as in the image.
    let slots = u32::try_from(frames).expect("few frames");
    let vm = SimMachine::new(frames, 1).set_up(sim::window(1 << 20), slots, 0);
    Box::leak(Box::new(vm.expect("the memory holds the records")))
}

#[test]
fn workloads_pass_except_align_shift_and_leave_no_regions() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let vm = machine(60_000);
    vm.reclaim();
    let before = vm.stats();
    for (number, workload) in WORKLOADS.iter().enumerate() {
        let outcome = run(vm, alone, plan(number)).expect("no other round runs")[0];
        let must_fail = workload.name == "align_shift_alloc_test";
        assert_eq!(outcome.failed, must_fail, "{}", workload.name);
        let is_right = if must_fail { 12..64 } else { 20..21 }.contains(&outcome.loops);
        assert!(is_right && outcome.scale == 100, "{}: {outcome:?}", workload.name);
    }
    vm.reclaim();
    let after = vm.stats();
    assert_eq!((after.frames_free, after.table_pages), (before.frames_free, before.table_pages));
    assert!(vm.check().is_sound());
}

#[test]
fn workloads_are_scaled_down_to_a_quarter_at_least() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let held = |frames| run(machine(frames), alone, plan(2)).expect("no other round runs")[0];
    let outcome = held(12_000);
    assert!(!outcome.failed && (25..100).contains(&outcome.scale), "{outcome:?}");
    let outcome = held(4_000);
    assert!(outcome.failed && outcome.loops == 0, "{outcome:?}");
}

#[test]
fn a_loop_ends_at_its_time_limit() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let plan = Plan { loops: u64::MAX, us: 1_000, ..plan(0) };
    let outcome = run(machine(1_000), alone, plan).expect("no other round runs")[0];
    assert!(!outcome.failed && outcome.loops > 0 && outcome.us > 1_000, "{outcome:?}");
}
