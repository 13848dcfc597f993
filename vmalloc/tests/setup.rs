//! Tests the errors of set-up, and that set-up does not touch other memory.
#![expect(unsafe_code, reason = "hands lists of memory over that the crate must refuse")]

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    Config, Cursor, Frame, FrameRange, Machine, Page, PageCount, PageRange, Reservation, RunError,
    SetupError, SiteKind, Vmalloc,
};
use x86_64::{PhysAddr, VirtAddr};

fn set_up(machine: SimMachine, window: PageRange) -> Result<Vmalloc<SimMachine>, SetupError> {
    machine.set_up(window, 0, 0)
}

fn window_at(address: u64, pages: u64) -> PageRange {
    let start = Page::containing_address(VirtAddr::new(address));
    let count = PageCount::from_pages(pages).expect("a small number");
    PageRange::try_new(start, count).expect("a canonical run")
}

#[test]
fn a_window_must_lie_in_the_higher_half() {
    for (address, pages) in [(0x10_0000, 8), (sim::WINDOW_START, 0)] {
        let error = set_up(SimMachine::new(64, 1), window_at(address, pages)).unwrap_err();
        let bytes = pages * 4096;
        assert_eq!(error, SetupError::Window { start: address, bytes });
    }
}

#[test]
fn the_records_need_a_run_of_frames() {
    let error = set_up(SimMachine::new(2, 1), sim::window(8)).unwrap_err();
    assert!(matches!(error, SetupError::Memory { needed, longest: 1 } if needed > 1), "{error}");
}

#[test]
fn more_cpus_or_nodes_than_there_are_records_for_are_refused() {
    let error = set_up(SimMachine::new(64, 65), sim::window(8)).unwrap_err();
    assert_eq!(error, SetupError::Cpus { count: 65, limit: 64 });
    let error = set_up(SimMachine::new(64, 1).with_nodes(5), sim::window(8)).unwrap_err();
    assert_eq!(error, SetupError::Node { node: 4, limit: 4 });
}

#[test]
fn a_window_over_several_upper_entries_works_at_every_border() {
    // The window has two pages before a boundary of 512 GiB, and the other pages behind it.
    let border = sim::WINDOW_START + (1 << 39);
    let vm = set_up(SimMachine::new(200, 1), window_at(border - 2 * 4096, 64)).unwrap();
    let tables = vm.stats().table_pages;
    assert_eq!(tables, 2, "an upper table for each level-4 entry");
    let region = vm.vzalloc(5 * 4096).unwrap();
    assert_eq!(region.address().as_u64(), border - 2 * 4096);
    assert!(vm.check().is_sound(), "{:?}", vm.check().violations().collect::<Vec<_>>());
    let guard = region.address() + region.bytes();
    assert_eq!(vm.locate(guard).kind, SiteKind::Guard);
    drop(region);
    vm.reclaim();
    assert_eq!(vm.stats().table_pages, tables);
    assert!(vm.check().is_sound());
}

#[test]
fn a_window_that_ends_at_an_upper_border_needs_nothing_behind_it() {
    let border = sim::WINDOW_START + (1 << 39);
    let vm = set_up(SimMachine::new(200, 1), window_at(border - 8 * 4096, 8)).unwrap();
    assert_eq!(vm.stats().table_pages, 1);
    let region = vm.vzalloc(7 * 4096).unwrap();
    assert_eq!(region.address().as_u64(), border - 8 * 4096);
    assert!(vm.check().is_sound());
}

#[test]
fn the_whole_window_can_be_handed_out_to_its_last_page() {
    let vm = set_up(SimMachine::new(200, 1), sim::window(20)).unwrap();
    let first = vm.vmalloc(9 * 4096).unwrap();
    let second = vm.vmalloc(9 * 4096).unwrap();
    assert_eq!(second.address() + second.bytes() + 4096u64, vm.window().end());
    assert_eq!(vm.stats().pages_free, 0);
    assert_eq!(vm.locate(vm.window().end()).kind, SiteKind::Outside);
    assert_eq!(vm.locate(vm.window().end() - 1u64).kind, SiteKind::Guard);
    drop((first, second));
    vm.purge();
    assert_eq!(vm.stats().pages_free, 20);
}

#[test]
fn an_injected_failure_happens_once() {
    let vm = set_up(SimMachine::new(200, 1), sim::window(64)).unwrap();
    vm.modes().inject(Reservation::Area, 2);
    drop(vm.vmalloc(1).unwrap());
    assert!(vm.vmalloc(1).is_err());
    drop(vm.vmalloc(1).unwrap());
}

#[test]
fn a_window_at_the_end_of_the_addresses_is_listed_to_its_end() {
    let vm = set_up(SimMachine::new(200, 1), window_at(0xffff_ffff_ffe0_0000, 500)).unwrap();
    let region = vm.vmalloc(1).unwrap();
    let (found, behind) = vm.next_area(Cursor::START).unwrap();
    assert_eq!(found.id, region.id());
    assert!(vm.next_area(behind).is_none());
}

/// The frames that [`SimMachine`] has with `frames` frames: its first frame is the level-4 table.
fn all(frames: u64) -> FrameRange {
    let vm = set_up(SimMachine::new(frames, 1), sim::window(8)).expect("the records fit");
    let start = vm.machine().root() + 1;
    FrameRange { start, count: frames, node: 0 }
}

/// Sets up a machine of 600 frames with the runs that `change` returns for all its frames.
fn with(
    change: impl Fn(FrameRange) -> Vec<FrameRange>,
) -> (Result<Vmalloc<SimMachine>, SetupError>, Vec<FrameRange>) {
    let runs = change(all(600));
    let config = Config { regions: 100, ..Config::new(sim::window(4_000), &runs) };
    // SAFETY: all runs that are accepted are memory of the machine, which is moved into the window.
    let vm = unsafe { Vmalloc::try_new(SimMachine::new(600, 1), &config) };
    (vm, runs)
}

fn part(all: FrameRange, from: u64, count: u64) -> FrameRange {
    FrameRange { start: all.start + from, count, ..all }
}

fn at(address: u64, count: u64) -> FrameRange {
    let start = Frame::containing_address(PhysAddr::new(address));
    FrameRange { start, count, node: 0 }
}

#[test]
fn runs_may_be_in_any_order_and_empty() {
    for change in [
        |all| vec![part(all, 300, 250), part(all, 0, 100), part(all, 150, 7)],
        // Empty runs far away do not lengthen the span, and have any node.
        |all| vec![at(0, 0), part(all, 0, 500), at(0xf_ffff_ffff_f000, 0)],
        |all| vec![part(all, 0, 0), part(all, 0, 500), part(all, 100, 0), part(all, 500, 0)],
        |all| vec![FrameRange { node: 77, ..part(all, 550, 0) }, part(all, 0, 550)],
    ] {
        let (vm, runs) = with(change);
        let vm = vm.expect("a list of free memory");
        let total: u64 = runs.iter().map(|run| run.count).sum();
        assert_eq!((vm.stats().frames_total, vm.nodes()), (total, 1));
        let all: Vec<_> = std::iter::from_fn(|| vm.vmalloc(4_096).ok()).collect();
        for region in &all {
            let frame = vm.translate(region.address()).expect("mapped");
            let is_inside = |run: &FrameRange| {
                run.start.start_address() <= frame
                    && frame - run.start.start_address() < run.count * 4_096
            };
            assert!(runs.iter().any(is_inside), "{frame:?} is in no run");
        }
        assert!(vm.check().is_sound());
    }
}

#[test]
fn a_list_without_frames_is_too_short() {
    for change in [|_| vec![], |all| vec![part(all, 3, 0)]] {
        let (vm, _) = with(change);
        let error = vm.unwrap_err();
        assert!(matches!(error, SetupError::Memory { longest: 0, .. }), "{error}");
    }
}

#[test]
fn runs_that_cannot_be_memory_are_refused_by_name() {
    let beyond = RunError::Beyond { limit: 1 << 52 };
    let overlap = |other| RunError::Overlap { other };
    type Change = fn(FrameRange) -> Vec<FrameRange>;
    let cases: [(Change, usize, RunError); 9] = [
        (|all| vec![part(all, 0, 500), part(all, 0, 500)], 1, overlap(0)),
        (|all| vec![part(all, 0, 300), part(all, 299, 200)], 1, overlap(0)),
        (|all| vec![part(all, 299, 200), part(all, 100, 0), part(all, 0, 300)], 2, overlap(0)),
        (|all| vec![part(all, 0, 9), part(all, 100, 300), part(all, 200, 1)], 2, overlap(1)),
        (|all| vec![part(all, 0, u64::MAX)], 0, beyond),
        (|all| vec![part(all, 0, 500), part(all, 0, u64::MAX - 499)], 1, beyond),
        (|all| vec![part(all, 0, 1 << 52)], 0, beyond),
        (|all| vec![part(all, 0, 500), at(0xf_ffff_ffff_f000, 2)], 1, beyond),
        (|all| vec![at(0, u64::MAX), part(all, 0, 500)], 0, beyond),
    ];
    for (change, index, reason) in cases {
        let (vm, runs) = with(change);
        let (start, count) = (runs[index].start.start_address().as_u64(), runs[index].count);
        assert_eq!(vm.unwrap_err(), SetupError::Run { index, start, count, reason });
    }
    // The highest frame is possible; it is only too far away from the other ones.
    let (vm, _) = with(|all| vec![part(all, 0, 500), at(0xf_ffff_ffff_f000, 1)]);
    assert!(matches!(vm.unwrap_err(), SetupError::Span { .. }));
}
