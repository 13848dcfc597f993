//! Tests numbers at the ends of their ranges: each returns a typed error, without an effect and
//! quickly. Tests also that requests which cannot succeed do not flush.
#![expect(unsafe_code, reason = "maps one frame many times")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AllocateError, CpuId, Frame, Huge, PAGE_BYTES, PageCount, Protection, ReallocMode, Region,
    Request, RequestError, Resize, ResizeError, Vmalloc, VmallocError,
};

/// The time limit of each call. It is far more than a call needs, and far less than a loop over
/// 2^50 pages.
const SOON: Duration = Duration::from_secs(1);

fn machine() -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(400, 1).set_up(sim::window(4_000), 0, 0);
    vm.expect("the memory holds the records")
}

/// Asserts that `work` leaves the state unchanged and ends within the time limit.
fn without_effect<R>(vm: &Vmalloc<SimMachine>, work: impl FnOnce() -> R) -> R {
    let (before, began) = (vm.stats(), Instant::now());
    let result = work();
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let after = vm.stats();
    assert_eq!((after.frames_free, after.pages_free), (before.frames_free, before.pages_free));
    assert_eq!((after.areas, after.allocations), (before.areas, before.allocations));
    // A request that can never be served must not purge or flush.
    assert_eq!((after.purges, after.generation), (before.purges, before.generation));
    assert!(vm.check().is_sound());
    result
}

#[test]
fn a_size_of_nothing_is_refused() {
    let vm = machine();
    let zero = VmallocError::Request(RequestError::ZeroSize);
    without_effect(&vm, || {
        assert_eq!(vm.vmalloc(0).unwrap_err(), zero);
        assert_eq!(vm.vzalloc(0).unwrap_err(), zero);
        assert_eq!(vm.vmalloc_node(0, 0).unwrap_err(), zero);
        assert_eq!(Request::for_array(0, 8).unwrap_err(), RequestError::ZeroSize);
        assert_eq!(Request::for_array(8, 0).unwrap_err(), RequestError::ZeroSize);
    });
}

#[test]
fn sizes_beyond_all_memory_are_refused_before_anything_is_touched() {
    let vm = machine();
    let _lazy = vm.vmalloc(5 * PAGE_BYTES).unwrap();
    drop(vm.vmalloc(5 * PAGE_BYTES).unwrap());
    let usable = vm.stats().frames_free * PAGE_BYTES;
    for requested in [usable * 4, 1 << 47, 1 << 48, 1 << 63, u64::MAX - PAGE_BYTES * 2] {
        let error = without_effect(&vm, || vm.vmalloc(requested).unwrap_err());
        let too_big = matches!(
            error,
            VmallocError::Allocate(AllocateError::TooBig { requested: named, .. })
                if named == requested
        );
        assert!(too_big, "{error}");
    }
    // The last sizes leave no addresses for the guard page, or overflow when rounded up to pages.
    for bytes in [u64::MAX, u64::MAX - 1, u64::MAX - PAGE_BYTES + 2] {
        let error = without_effect(&vm, || vm.vmalloc(bytes).unwrap_err());
        assert_eq!(error, VmallocError::Request(RequestError::SizeOverflow { bytes }));
    }
}

#[test]
fn who_may_take_the_reserve_is_refused_as_well() {
    let vm = machine();
    for bytes in [1 << 40, 1 << 63] {
        let request = Request::try_new(bytes).unwrap().with_reserve();
        let began = Instant::now();
        let error = vm.allocate(&request).unwrap_err();
        assert!(matches!(error, AllocateError::TooBig { .. }), "{error}");
        assert!(began.elapsed() < SOON);
        assert!(vm.check().is_sound());
    }
}

#[test]
fn arrays_do_not_wrap() {
    let vm = machine();
    let region = vm.allocate(&Request::for_array(5, 1_000).unwrap()).unwrap();
    assert_eq!(region.info().requested, 5_000);
    for (count, size) in [(1 << 32, 1 << 32), (3, u64::MAX / 2), (u64::MAX, u64::MAX)] {
        let error = Request::for_array(count, size).unwrap_err();
        assert_eq!(error, RequestError::SizeOverflow { bytes: u64::MAX });
    }
}

#[test]
fn alignments_are_powers_of_two_and_may_be_too_large_to_serve() {
    let vm = machine();
    let one = Request::try_new(1).unwrap();
    for bytes in [0, 3, PAGE_BYTES + 1, u64::MAX] {
        assert_eq!(one.align(bytes).unwrap_err(), RequestError::Alignment { bytes });
    }
    // The start of the window is not a multiple of these alignments.
    for bits in [46, 47, 63] {
        let request = one.align(1 << bits).unwrap();
        let error = without_effect(&vm, || vm.allocate(&request).unwrap_err());
        let align = PageCount::covering(1 << bits).unwrap();
        match error {
            AllocateError::WindowExhausted { requested, align: named, .. } => {
                assert_eq!((requested.get(), named), (2, align));
            }
            other => panic!("{other}"),
        }
    }
    // Also with the highest number of free runs.
    let all: Vec<_> = (0..100).map(|_| vm.vmalloc(1).unwrap()).collect();
    let mut every_second = 0;
    all.into_iter().for_each(|region| {
        every_second += 1;
        match every_second % 2 {
            0 => drop(region),
            _ => assert!(region.into_raw().get() > 0),
        }
    });
    vm.reclaim();
    let request = one.align(1 << 46).unwrap();
    assert!(without_effect(&vm, || vm.allocate(&request)).is_err());
}

#[test]
fn resizes_have_the_same_limits() {
    let vm = machine();
    let id = vm.vmalloc(PAGE_BYTES).unwrap().into_raw();
    for (bytes, expected) in
        [(0, RequestError::ZeroSize), (u64::MAX, RequestError::SizeOverflow { bytes: u64::MAX })]
    {
        let error = without_effect(&vm, || vm.vrealloc(id, bytes).unwrap_err());
        assert_eq!(error, ResizeError::Request(expected));
    }
    for bytes in [1 << 40, 1 << 63] {
        for wish in [Resize::to(bytes), Resize::to(bytes).in_place(), Resize::to(bytes).zeroed()] {
            let error = without_effect(&vm, || vm.resize(id, &wish).unwrap_err());
            let too_big = matches!(error, ResizeError::Allocate(AllocateError::TooBig { .. }));
            assert!(too_big, "{error}");
        }
    }
}

/// Returns a machine with 2 CPUs and 2 nodes, and with lazy areas, areas in pools and cached tables.
fn busy_machine(frames: u64, window: u64, reserve: u64) -> Vmalloc<SimMachine> {
    let machine = SimMachine::new(frames, 2).with_nodes(2);
    let vm = machine.set_up(sim::window(window), 100, reserve).expect("the memory has room");
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    vm.machine().on(CpuId(0));
    drop(vm.vmalloc(600 * PAGE_BYTES).unwrap());
    drop(vm.vmalloc(PAGE_BYTES).unwrap());
    vm.purge();
    make_lazy(&vm);
    vm
}

fn make_lazy(vm: &Vmalloc<SimMachine>) {
    drop(vm.vmalloc(PAGE_BYTES).unwrap());
    assert!(vm.stats().areas_lazy > 0);
}

fn pages(count: u64) -> Request {
    Request::try_new(count * PAGE_BYTES).unwrap()
}

/// Asserts that a request fails without a flush, however often it is repeated, and returns the
/// error.
fn refused(vm: &Vmalloc<SimMachine>, request: &Request) -> AllocateError {
    for _ in 0..5 {
        without_effect(vm, || vm.allocate(request).unwrap_err());
    }
    vm.allocate(request).unwrap_err()
}

#[test]
fn a_size_beyond_a_node_is_refused_without_a_flush() {
    let vm = busy_machine(4_000, 20_000, 0);
    // Each node has at most half of the frames.
    for request in [pages(2_001).only_node(1).unwrap(), pages(1).only_node(3).unwrap()] {
        assert!(matches!(refused(&vm, &request), AllocateError::TooBig { .. }));
        // Other nodes have frames for a request that only prefers a node.
        assert!(vm.allocate(&pages(2_001).prefer_node(1).unwrap()).is_ok());
        make_lazy(&vm);
    }
    let error = refused(&vm, &pages(3_999).with_reserve());
    assert!(matches!(error, AllocateError::TooBig { .. }), "{error}");
}

#[test]
fn frames_without_tables_are_refused_without_a_flush() {
    let vm = busy_machine(4_000, 20_000, 0);
    // The level-3 table stays.
    let all = vm.stats().frames_total - vm.stats().frames_slabs - 1;
    let error = refused(&vm, &pages(all - 2));
    let AllocateError::FramesExhausted { requested, available } = error else { panic!("{error}") };
    assert_eq!((requested, available), (all - 2 + (all - 2).div_ceil(512), all));
}

#[test]
fn addresses_that_the_window_cannot_have_are_refused_without_a_flush() {
    let vm = busy_machine(4_000, 3_000, 0);
    let must = |count| pages(count).huge(Huge::Must).unwrap();
    let aligned = pages(2_000).align(1 << 46).unwrap().with_reserve();
    for request in [pages(3_000), aligned, must(3_000)] {
        match refused(&vm, &request) {
            AllocateError::WindowExhausted { .. } => {}
            other => panic!("{other}"),
        }
        make_lazy(&vm);
    }
    assert!(vm.allocate(&pages(2_999)).is_ok());
}

#[test]
fn more_large_leaves_than_blocks_are_refused_without_a_flush() {
    let vm = busy_machine(1_500, 20_000, 0);
    let error = refused(&vm, &pages(1_024).huge(Huge::Must).unwrap());
    assert!(matches!(error, AllocateError::TooBig { .. }), "{error}");
}

#[test]
fn a_map_that_is_too_long_is_refused_without_a_flush() {
    let vm = busy_machine(4_000, 3_000, 0);
    let frame = vm.take_run(1).unwrap().start;
    let frames: Vec<Frame> = (0..3_000).map(|_| frame).collect();
    for _ in 0..3 {
        let map = || {
            // SAFETY: the frame belongs to this test, which does not access it.
            unsafe { vm.vmap(&frames, Protection::ReadOnly, "test") }.unwrap_err()
        };
        assert!(matches!(without_effect(&vm, map), AllocateError::WindowExhausted { .. }));
    }
}

#[test]
fn a_resize_that_cannot_be_served_does_not_flush() {
    let vm = busy_machine(4_000, 3_000, 0);
    let mut region = vm.vmalloc(1_000 * PAGE_BYTES).unwrap();
    let behind = vm.vmalloc(PAGE_BYTES).unwrap();
    make_lazy(&vm);
    let resize = |region: &mut Region<'_, SimMachine>, wish: &Resize| {
        let results: Vec<_> =
            (0..3).map(|_| without_effect(&vm, || region.resize(wish).unwrap_err())).collect();
        results[2]
    };
    // The busy region behind it stays.
    let error = resize(&mut region, &Resize::to(1_100 * PAGE_BYTES).in_place());
    assert!(matches!(error, ResizeError::MustMove { .. }), "{error}");
    // The old place and the new one do not fit into the window together.
    let error = resize(&mut region, &Resize::to(2_500 * PAGE_BYTES));
    let window = matches!(error, ResizeError::Allocate(AllocateError::WindowExhausted { .. }));
    assert!(window, "{error}");
    drop(behind);
    vm.reclaim();
    make_lazy(&vm);
    // The window ends behind the region.
    let error = resize(&mut region, &Resize::to(3_100 * PAGE_BYTES).in_place());
    assert!(matches!(error, ResizeError::MustMove { .. }), "{error}");
    assert!(region.resize(&Resize::to(1_100 * PAGE_BYTES).in_place()).is_ok());

    // A copy needs the old frames and the new ones.
    let vm = busy_machine(4_000, 20_000, 0);
    let mut region = vm.vmalloc(2_000 * PAGE_BYTES).unwrap();
    let _behind = vm.vmalloc(PAGE_BYTES).unwrap();
    make_lazy(&vm);
    let wish = Resize::to(2_100 * PAGE_BYTES).mode(ReallocMode::Copy);
    for _ in 0..3 {
        let error = without_effect(&vm, || region.resize(&wish).unwrap_err());
        let frames = matches!(error, ResizeError::Allocate(AllocateError::FramesExhausted { .. }));
        assert!(frames, "{error}");
    }
}

#[test]
fn a_run_that_cannot_be_had_does_not_flush() {
    let vm = busy_machine(4_000, 20_000, 100);
    for frames in [0, 1_025, 4_096, 1 << 40, u64::MAX] {
        assert_eq!(without_effect(&vm, || vm.take_run(frames)), None);
    }
    let run = vm.take_run(5).unwrap();
    assert_eq!(run.count, 8);
    assert!(run.start.start_address().is_aligned(8 * PAGE_BYTES));
    let vm = busy_machine(900, 20_000, 0);
    assert_eq!(without_effect(&vm, || vm.take_run(1_024)), None);
}

#[test]
fn runs_leave_the_reserve() {
    let vm = SimMachine::new(1_024, 1).set_up(sim::window(4_096), 100, 100).unwrap();
    let all: Vec<_> = std::iter::from_fn(|| vm.vmalloc(PAGE_BYTES).ok()).collect();
    assert_eq!(all.len(), 100);
    let free = vm.stats().frames_free;
    let mut taken = 0;
    while let Some(run) = vm.take_run(1) {
        taken += run.count;
    }
    assert_eq!((taken, vm.stats().frames_free), (free - 100, 100));
    assert!(vm.allocate(&pages(1).with_reserve()).is_err(), "no slot is free");
    drop(all);
    assert!(vm.allocate(&pages(50).with_reserve()).is_ok());
}

#[test]
fn a_reclaim_that_cannot_release_enough_is_left_out() {
    let vm = busy_machine(1_500, 20_000, 0);
    // All frames but a few are busy.
    let mut held = vec![vm.vmalloc((vm.stats().frames_free - 20) * PAGE_BYTES).unwrap()];
    let _busy = std::iter::from_fn(|| vm.vmalloc(PAGE_BYTES).ok()).take(5).collect::<Vec<_>>();
    make_lazy(&vm);
    let error = refused(&vm, &pages(100));
    assert!(matches!(error, AllocateError::FramesExhausted { .. }), "{error}");
    held.clear();
    assert!(vm.allocate(&pages(100)).is_ok(), "the lazy frames are enough now");

    // No slot is lazy or in a pool.
    let machine = SimMachine::new(1_500, 1);
    let vm = machine.set_up(sim::window(20_000), 5, 0).unwrap();
    let _all: Vec<_> = (0..5).map(|_| vm.vmalloc(PAGE_BYTES).unwrap()).collect();
    let error = refused(&vm, &pages(1));
    assert_eq!(error, AllocateError::RegionsExhausted { limit: 5 });

    // The lazy addresses are too few.
    let vm = SimMachine::new(1_500, 1).set_up(sim::window(400), 0, 0).unwrap();
    let _most = vm.vmalloc(300 * PAGE_BYTES).unwrap();
    make_lazy(&vm);
    let error = refused(&vm, &pages(200));
    assert!(matches!(error, AllocateError::WindowExhausted { .. }), "{error}");
}

#[test]
fn what_is_only_cached_is_taken_without_a_flush() {
    // Addresses in pools are joined for a long region.
    let vm = SimMachine::new(1_500, 1).set_up(sim::window(400), 0, 0).unwrap();
    drop((0..20).map(|_| vm.vmalloc(PAGE_BYTES).unwrap()).collect::<Vec<_>>());
    vm.purge();
    let flushes = vm.stats().generation;
    assert!(vm.stats().pages_pooled > 0);
    let long = vm.vmalloc(390 * PAGE_BYTES).unwrap();
    assert_eq!(vm.stats().generation, flushes);
    drop(long);

    // Frames in the magazine of another CPU are taken.
    let vm = SimMachine::new(1_000, 2).set_up(sim::window(4_000), 0, 0).unwrap();
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    let _table = vm.vmalloc(PAGE_BYTES).unwrap();
    drop(vm.vmalloc(40 * PAGE_BYTES).unwrap());
    vm.purge();
    vm.machine().on(CpuId(0));
    let flushes = vm.stats().generation;
    let all = vm.vmalloc((vm.stats().frames_free - 10) * PAGE_BYTES).unwrap();
    assert_eq!(vm.stats().generation, flushes);
    drop(all);
    assert!(vm.check().is_sound());
}

#[test]
fn a_reserve_of_more_than_all_memory_leaves_nothing_to_other_requests() {
    for reserve in [4_000, u64::MAX] {
        let vm = SimMachine::new(4_000, 1).set_up(sim::window(20_000), 100, reserve).unwrap();
        let huge = |request: Request| request.huge(Huge::Try).unwrap();
        for request in [pages(1), huge(pages(600)), pages(1).only_node(0).unwrap()] {
            let error = refused(&vm, &request);
            assert_eq!(
                error,
                AllocateError::TooBig { requested: request.pages().bytes(), usable: 0 }
            );
        }
        assert_eq!(vm.take_run(1), None);
        assert_eq!(vm.fill_zeroed(8), 0);
        let mut region = vm.allocate(&huge(pages(600).with_reserve())).unwrap();
        assert!(region.resize(&Resize::to(700 * PAGE_BYTES)).is_err());
        assert!(region.resize(&Resize::to(513 * PAGE_BYTES)).is_ok());
        drop(region);
        assert!(vm.check().is_sound());
    }
}
