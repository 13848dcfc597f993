//! Makes every reservation fail once at every place, and checks that the state is then unchanged.

use vmalloc::sim::{self, SimMachine};
use vmalloc::{AllocateError, RegionId, Request, Reservation, Stats, Vmalloc};

/// The size of a region whose pages lie under several leaf tables, so that it needs tables of every
/// level.
const BYTES: u64 = 700 * 4096;

fn machine() -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(2_000, 1).set_up(sim::window(10_000), 0, 0);
    vm.expect("the memory holds the records")
}

fn snapshot(vm: &Vmalloc<SimMachine>) -> Stats {
    let audit = vm.check();
    let violations: Vec<_> = audit.violations().collect();
    assert!(audit.is_sound(), "{violations:?}");
    let mut stats = vm.stats();
    stats.allocations_failed = 0;
    stats
}

/// Makes the n-th reservation fail for n = 1, 2, … until the request succeeds, and returns that n.
fn fail_until_served(request: &Request, kind: Reservation) -> u32 {
    let untouched = machine();
    let expected = untouched.allocate(request).expect("no reservation fails");
    let vm = machine();
    for number in 1.. {
        let before = snapshot(&vm);
        vm.modes().inject(kind, number);
        match vm.allocate(request) {
            Ok(region) => {
                assert_eq!(region.id(), expected.id(), "a failure used an id up");
                assert_eq!(region.address(), expected.address(), "a failure used addresses up");
                vm.modes().inject(kind, 0);
                drop(region);
                vm.reclaim();
                assert_eq!(snapshot(&vm).frames_free, before.frames_free);
                return number;
            }
            Err(error) => {
                let fits = match kind {
                    Reservation::Region => matches!(error, AllocateError::RegionsExhausted { .. }),
                    Reservation::Area => matches!(error, AllocateError::WindowExhausted { .. }),
                    Reservation::Frame | Reservation::Table => {
                        matches!(error, AllocateError::FramesExhausted { .. })
                    }
                };
                assert!(fits, "{kind:?} {number}: {error}");
                let after = snapshot(&vm);
                assert_eq!(format!("{after:?}"), format!("{before:?}"), "{kind:?} {number}");
            }
        }
    }
    unreachable!("the numbers do not end")
}

fn every_kind(request: &Request) {
    // 700 pages from the start of the window need one level-2 table, its two frames of records and two
    // leaf tables.
    let places = [(Reservation::Region, 1), (Reservation::Area, 1), (Reservation::Frame, 1)];
    for (kind, count) in places.into_iter().chain([(Reservation::Table, 5)]) {
        assert_eq!(fail_until_served(request, kind), count + 1, "{kind:?}");
    }
}

#[test]
fn vmalloc_fails_cleanly_at_every_reservation() {
    every_kind(&Request::try_new(BYTES).unwrap());
}

#[test]
fn vzalloc_fails_cleanly_at_every_reservation() {
    every_kind(&Request::try_new(BYTES).unwrap().zeroed());
}

#[test]
fn all_memory_but_the_tables_can_be_had_from_single_frames() {
    let vm = machine();
    let mut singles = Vec::new();
    while let Ok(region) = vm.vmalloc(1) {
        singles.push(region.into_raw());
    }
    assert!(matches!(
        vm.allocate(&Request::try_new(1).unwrap()),
        Err(AllocateError::FramesExhausted { .. })
    ));
    let every_second: Vec<RegionId> = singles.iter().copied().step_by(2).collect();
    for id in &every_second {
        vm.vfree(*id).expect("held");
    }
    let free = vm.stats().frames_free;
    // The single frames are mapped in the first pages of the window. The new region may need tables
    // behind them.
    let tables = 2 * (free / 512 + 2);
    let region = vm.vzalloc((free - tables) * 4096).expect("scattered frames are enough");
    assert!(vm.check().is_sound());
    drop(region);
}

#[test]
fn a_reserve_is_left_but_to_those_who_may_take_it() {
    let vm = SimMachine::new(300, 1).set_up(sim::window(4_000), 0, 20);
    let vm = vm.expect("the memory holds the records");
    while let Ok(region) = vm.vmalloc(1) {
        let _ = region.into_raw();
    }
    let left = vm.stats().frames_free;
    assert!((15..=20).contains(&left), "{left} frames left of 20 and what tables took");
    let system = Request::try_new(4096).unwrap().with_reserve();
    assert!(vm.allocate(&system).is_ok());
}

#[test]
fn a_reserve_that_waits_in_a_magazine_is_left_too() {
    let vm = SimMachine::new(300, 1).set_up(sim::window(4_000), 0, 20);
    let vm = vm.expect("the memory holds the records");
    let reserved = |pages: u64| Request::try_new(pages * 4096).unwrap().with_reserve();
    let tables = vm.allocate(&reserved(1)).unwrap();
    let freed = vm.allocate(&reserved(10)).unwrap();
    let rest = vm.allocate(&reserved(vm.stats().frames_free)).unwrap();
    drop(freed);
    vm.purge();
    assert_eq!(vm.stats().frames_free, 10);
    assert!(matches!(vm.vmalloc(1), Err(vmalloc::VmallocError::Allocate(_))));
    drop((tables, rest));
}

#[test]
fn slots_that_one_side_has_freed_serve_the_other() {
    let vm = SimMachine::new(300, 1).set_up(sim::window(4_000), 8, 0);
    let vm = vm.expect("the memory holds the records");
    let all: Vec<_> = (0..8).map(|_| vm.vmalloc(1).unwrap()).collect();
    let system = Request::try_new(1).unwrap().system();
    let limit = AllocateError::RegionsExhausted { limit: 8 };
    assert_eq!(vm.allocate(&system).unwrap_err(), limit);
    drop(all);
    assert!(vm.allocate(&system).is_ok());
}
