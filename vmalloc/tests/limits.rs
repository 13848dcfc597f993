//! Tests numbers at the ends of their ranges: each returns a typed error, without an effect and
//! quickly.

use std::time::{Duration, Instant};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AllocateError, PAGE_BYTES, PageCount, Request, RequestError, Resize, ResizeError, Vmalloc,
    VmallocError,
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
        assert!(matches!(error, AllocateError::WindowExhausted { .. }), "{error}");
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
