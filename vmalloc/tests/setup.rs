//! Tests the errors of set-up, and that set-up does not touch other memory.

use vmalloc::sim::{self, SimMachine};
use vmalloc::{Cursor, Page, PageCount, PageRange, Reservation, SetupError, SiteKind, Vmalloc};
use x86_64::VirtAddr;

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
