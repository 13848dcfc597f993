//! Damages a window in various ways, and checks that the audit reports each kind of damage.

use core::sync::atomic::Ordering;
use std::string::String;
use std::vec::Vec;

use x86_64::structures::paging::PageTableFlags as Flags;

use crate::allocator::{Region, Vmalloc, lookup};
use crate::frame::FrameState;
use crate::id::RegionId;
use crate::machine::CpuId;
use crate::page::{PAGE_BYTES, Page};
use crate::paging;
use crate::sim::SimMachine;
use crate::{raw, sim};

fn machine() -> Vmalloc<SimMachine> {
    SimMachine::new(400, 1).set_up(sim::window(1_000), 0, 0).unwrap()
}

fn found(vm: &Vmalloc<SimMachine>) -> Vec<&'static str> {
    vm.check().violations().map(|violation| violation.what).collect()
}

/// Changes the leaf of a page directly in the table.
fn edit(vm: &Vmalloc<SimMachine>, page: Page, change: impl Fn(u64) -> u64) {
    let table =
        paging::lookup::leaf_table(&vm.core.tables, &vm.core.machine, &vm.core.frames.buddy, page)
            .expect("mapped");
    let entry = &raw::words(&vm.core.machine, table)[usize::from(page.p1_index())];
    entry.store(change(entry.load(Ordering::Relaxed)), Ordering::Relaxed);
}

fn leaf(vm: &Vmalloc<SimMachine>, page: Page) -> u64 {
    vm.walk(page.start_address()).entries[3].expect("mapped").raw()
}

fn region(vm: &Vmalloc<SimMachine>) -> Region<'_, SimMachine> {
    vm.vmalloc(3 * PAGE_BYTES).unwrap()
}

fn assert_found(vm: &Vmalloc<SimMachine>, what: &str) {
    let all = found(vm);
    assert!(all.contains(&what), "{what} is not among {all:?}");
}

#[test]
fn a_sound_window_has_no_violation() {
    let vm = machine();
    let _held = region(&vm);
    drop(region(&vm));
    assert_eq!(found(&vm), Vec::<&str>::new());
}

#[test]
fn wrong_rights_are_found() {
    let bits: [(u64, &str); 3] = [
        (Flags::GLOBAL.bits(), "a page is global"),
        (Flags::NO_EXECUTE.bits(), "a page is writable and executable"),
        (Flags::WRITABLE.bits(), "a page has other rights than its region"),
    ];
    for (bit, what) in bits {
        let vm = machine();
        let held = region(&vm);
        edit(&vm, held.range().start(), |entry| entry ^ bit);
        assert_found(&vm, what);
    }
}

#[test]
fn entries_that_lead_astray_are_found() {
    let vm = machine();
    let [first, second] = [region(&vm), region(&vm)];
    let other = leaf(&vm, second.range().start());
    edit(&vm, first.range().start(), |_| other);
    assert_found(&vm, "a frame is used twice");
    assert_found(&vm, "a frame is in nobody's hands");

    let vm = machine();
    let held = region(&vm);
    edit(&vm, held.range().start(), |_| 0);
    assert_found(&vm, "the number of mapped pages is wrong");
    let _ = held.into_raw();

    let vm = machine();
    let held = region(&vm);
    let first = leaf(&vm, held.range().start());
    edit(&vm, held.range().start() + 3, |_| first);
    assert_found(&vm, "a page is mapped that belongs to no busy region");

    let vm = machine();
    let held = region(&vm);
    edit(&vm, held.range().start() + 3, |_| 1 << 11);
    assert_found(&vm, "an absent entry is not empty");
}

#[test]
fn frames_that_are_lost_or_free_in_use_are_found() {
    let vm = machine();
    let wanted = crate::frame::FrameRequest {
        node: 0,
        named: false,
        only: false,
        zeroed: false,
        reserve: 0,
    };
    let _lost = vm.core.frames.take(CpuId(0), 1, &wanted).unwrap();
    assert_found(&vm, "a frame is in nobody's hands");

    let vm = machine();
    let held = region(&vm);
    let frame = lookup::frame_of(&vm.core, held.range().start())
        .and_then(|frame| vm.core.frames.buddy.index(frame));
    vm.core.frames.buddy.meta(frame.unwrap()).set_state(FrameState::Free);
    assert_found(&vm, "a frame in use is free");
    assert_found(&vm, "the number of free frames is wrong");
}

#[test]
fn addresses_that_are_lost_or_in_two_places_are_found() {
    let vm = machine();
    assert!(vm.core.areas.take_at(vm.window().address().as_u64() / PAGE_BYTES + 100, 5));
    assert_found(&vm, "addresses are lost or in two places");

    let vm = machine();
    let held = region(&vm);
    vm.core.areas.put_at(held.address().as_u64() / PAGE_BYTES + 2, 1);
    assert_found(&vm, "an area is free and a region's");
}

#[test]
fn tables_that_count_wrong_are_found() {
    let vm = machine();
    let held = region(&vm);
    let core = &vm.core;
    let first = held.range().start();
    let record = core.tables.records.find(&core.machine, &core.frames.buddy, first).unwrap();
    record.add_count(1);
    assert_found(&vm, "the tables' counts are wrong");
    record.sub_count(2);
    assert_found(&vm, "a table's count is too small");
}

#[test]
fn more_violations_than_are_kept_are_counted() {
    let vm = machine();
    let held = vm.vmalloc(40 * PAGE_BYTES).unwrap();
    for page in held.range().pages() {
        edit(&vm, page, |entry| entry | Flags::GLOBAL.bits());
    }
    let audit = vm.check();
    assert!(!audit.is_sound() && audit.violation_count() >= 40);
    assert_eq!(audit.violations().count(), 16);
    let first: String = std::format!("{}", audit.violations().next().unwrap());
    assert!(first.contains(" at 0xffffc900000"), "{first}");
    let _: RegionId = held.into_raw();
}

#[test]
fn a_record_of_another_leaf_table_is_found() {
    let vm = machine();
    let [first, second] = [region(&vm), region(&vm)];
    let core = &vm.core;
    let page = first.range().start();
    let record = core.tables.records.find(&core.machine, &core.frames.buddy, page).unwrap();
    let table = record.table();
    let data = lookup::frame_of(core, second.range().start()).unwrap();
    record.set_table(core.frames.buddy.index(data).unwrap());
    assert_found(&vm, "a table lies elsewhere than it notes");
    record.set_table(table);
}
