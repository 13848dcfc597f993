//! Tests every result of a resize, and that a failed resize has no effect.
#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "sizes are small, and a test may panic"
)]

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AccessKind, AllocateError, CpuId, PAGE_BYTES, Page, PageCount, Protection, ReallocMode, Region,
    RegionId, Request, Reservation, Resize, ResizeError, Resized, SiteKind, Vmalloc,
};
use x86_64::VirtAddr;

const MIB: u64 = 1 << 20;

fn machine(frames: u64) -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(frames, 1).set_up(sim::window(1 << 20), 64, 0);
    vm.expect("the memory holds the records")
}

fn sound(vm: &Vmalloc<SimMachine>) {
    let audit = vm.check();
    let violations: Vec<_> = audit.violations().map(|v| v.to_string()).collect();
    assert!(audit.is_sound(), "{violations:?}");
}

/// Writes the number of each page to the first and the last bytes of the page.
fn sign(vm: &Vmalloc<SimMachine>, start: VirtAddr, pages: u64) {
    for page in 0..pages {
        let word = page.to_le_bytes();
        for offset in [0, PAGE_BYTES - 8] {
            vm.machine().write(start + page * PAGE_BYTES + offset, &word).expect("writable");
        }
    }
}

fn assert_signed(vm: &Vmalloc<SimMachine>, start: VirtAddr, pages: u64) {
    for page in 0..pages {
        for offset in [0, PAGE_BYTES - 8] {
            let mut word = [0; 8];
            vm.machine().read(start + page * PAGE_BYTES + offset, &mut word).expect("readable");
            assert_eq!(u64::from_le_bytes(word), page, "page {page} of {start:?}");
        }
    }
}

fn frames_of(vm: &Vmalloc<SimMachine>, region: &Region<'_, SimMachine>) -> Vec<u64> {
    let pages = region.range().pages().map(Page::start_address);
    pages.map(|page| vm.translate(page).expect("mapped").as_u64()).collect()
}

#[test]
fn the_same_pages_stay_where_they_are() {
    let vm = machine(400);
    let mut region = vm.vzalloc(100).unwrap();
    let before = frames_of(&vm, &region);
    assert_eq!(region.resize(&Resize::to(PAGE_BYTES)), Ok(Resized::Same));
    assert_eq!((region.info().requested, frames_of(&vm, &region)), (PAGE_BYTES, before));
}

#[test]
fn bytes_behind_the_old_size_are_zero_again_where_zeros_are_promised() {
    let vm = machine(400);
    let mut region = vm.vzalloc(100).unwrap();
    let start = region.address();
    vm.machine().fill(start, PAGE_BYTES, 7).unwrap();
    region.resize(&Resize::to(3 * PAGE_BYTES)).unwrap();
    let mut bytes = vec![1; 3 * PAGE_BYTES as usize];
    vm.machine().read(region.address(), &mut bytes).unwrap();
    assert!(bytes[..100].iter().all(|byte| *byte == 7), "the requested bytes stay");
    assert!(bytes[100..].iter().all(|byte| *byte == 0), "the rest reads as zeros");
}

#[test]
fn a_shrink_has_its_guard_at_once_and_its_frames_after_a_purge() {
    let vm = machine(400);
    let mut region = vm.vmalloc(5 * PAGE_BYTES).unwrap();
    let start = region.address();
    sign(&vm, start, 5);
    let free = vm.stats().frames_free;
    assert_eq!(region.resize(&Resize::to(2 * PAGE_BYTES)), Ok(Resized::Shrunk));
    assert_eq!(region.address(), start);
    let guard = start + 2 * PAGE_BYTES;
    assert!(vm.machine().probe(guard, AccessKind::Read).is_err(), "the guard was in the TLB");
    let site = vm.locate(guard);
    assert_eq!((site.kind, site.distance), (SiteKind::Guard, 0));
    assert_eq!(site.region.unwrap().id, region.id());
    assert_eq!(vm.locate(guard + PAGE_BYTES).kind, SiteKind::Lazy);
    assert_eq!(vm.stats().frames_free, free);
    sound(&vm);
    vm.purge();
    assert_eq!(vm.stats().frames_free, free + 3);
    assert_eq!(vm.locate(guard + PAGE_BYTES).kind, SiteKind::Free);
    assert_signed(&vm, start, 2);
    sound(&vm);
    drop(region);
    vm.reclaim();
    sound(&vm);
}

#[test]
fn growth_in_place_keeps_the_address() {
    let vm = machine(400);
    let mut region = vm.vmalloc(2 * PAGE_BYTES).unwrap();
    let start = region.address();
    sign(&vm, start, 2);
    assert_eq!(region.resize(&Resize::to(9 * PAGE_BYTES).zeroed()), Ok(Resized::Grown));
    assert_eq!((region.address(), region.bytes()), (start, 9 * PAGE_BYTES));
    assert_signed(&vm, start, 2);
    assert_eq!(vm.locate(start + 9 * PAGE_BYTES).kind, SiteKind::Guard);
    sound(&vm);
}

#[test]
fn what_is_added_is_cleared_or_not_as_was_wished() {
    for (wish, is_clear) in [
        (Resize::to(4 * PAGE_BYTES), true),
        (Resize::to(4 * PAGE_BYTES).zeroed(), true),
        (Resize::to(4 * PAGE_BYTES).unzeroed(), false),
    ] {
        let vm = machine(400);
        // Fills all remaining frames, so that frames of a later growth contain old bytes.
        let all = vm.vmalloc(300 * PAGE_BYTES).unwrap();
        vm.machine().fill(all.address(), all.bytes(), 0xaa).unwrap();
        drop(all);
        vm.reclaim();
        let mut region = vm.vzalloc(PAGE_BYTES).unwrap();
        region.resize(&wish).unwrap();
        let mut byte = [0];
        vm.machine().read(region.address() + 2 * PAGE_BYTES, &mut byte).unwrap();
        assert_eq!(byte == [0], is_clear, "{wish:?}");
    }
}

#[test]
fn what_must_not_move_does_not() {
    let vm = machine(400);
    let mut region = vm.vmalloc(2 * PAGE_BYTES).unwrap();
    let _behind = vm.vmalloc(PAGE_BYTES).unwrap();
    let before = frames_of(&vm, &region);
    let error = region.resize(&Resize::to(9 * PAGE_BYTES).in_place()).unwrap_err();
    let requested = PageCount::from_pages(9).unwrap();
    assert_eq!(error, ResizeError::MustMove { requested });
    assert_eq!(frames_of(&vm, &region), before);
    sound(&vm);
}

#[test]
fn what_must_not_move_grows_into_what_is_only_lazy() {
    let vm = machine(400);
    let mut region = vm.vmalloc(2 * PAGE_BYTES).unwrap();
    drop(vm.vmalloc(PAGE_BYTES).unwrap());
    assert_eq!(region.resize(&Resize::to(9 * PAGE_BYTES).in_place()), Ok(Resized::Grown));
    sound(&vm);
}

#[test]
fn a_move_keeps_the_frames_and_forgets_the_old_addresses() {
    for pages in [1, 7, 511, 513, 600] {
        let vm = machine(16_000);
        let mut region = vm.vmalloc(pages * PAGE_BYTES).unwrap();
        let behind = vm.vmalloc(PAGE_BYTES).unwrap();
        let (start, before) = (region.address(), frames_of(&vm, &region));
        sign(&vm, start, pages);
        let how = region.resize(&Resize::to((pages + 3) * PAGE_BYTES)).unwrap();
        assert_eq!(how, Resized::Moved, "{pages} pages");
        assert_ne!(region.address(), start);
        assert_eq!(frames_of(&vm, &region)[..pages as usize], before);
        assert_signed(&vm, region.address(), pages);
        assert_eq!(vm.locate(start).kind, SiteKind::Lazy);
        sound(&vm);
        vm.purge();
        assert!(vm.machine().probe(start, AccessKind::Read).is_err());
        sound(&vm);
        drop((region, behind));
        vm.purge();
        sound(&vm);
    }
}

#[test]
fn no_cpu_reaches_a_moved_frame_by_its_old_address_once_it_is_free() {
    let vm = SimMachine::new(400, 2).set_up(sim::window(1 << 12), 64, 0).unwrap();
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    vm.machine().on(CpuId(0));
    let mut region = vm.vmalloc(2 * PAGE_BYTES).unwrap();
    let _behind = vm.vmalloc(PAGE_BYTES).unwrap();
    let old = region.address();
    vm.machine().on(CpuId(1));
    vm.machine().probe(old, AccessKind::Read).expect("CPU 1 remembers the old address");
    vm.machine().on(CpuId(0));
    assert_eq!(region.resize(&Resize::to(4 * PAGE_BYTES)), Ok(Resized::Moved));
    drop(region);
    // At every free of a frame the machine asserts that no TLB holds a translation to the frame.
    vm.machine().on(CpuId(1));
    vm.purge();
    assert!(vm.machine().probe(old, AccessKind::Read).is_err());
    vm.machine().on(CpuId(0));
    assert!(vm.machine().probe(old, AccessKind::Read).is_err());
    sound(&vm);
}

#[test]
fn a_copy_has_other_frames_and_the_same_bytes() {
    let vm = machine(400);
    let mut region = vm.vmalloc(3 * PAGE_BYTES).unwrap();
    let _behind = vm.vmalloc(PAGE_BYTES).unwrap();
    let before = frames_of(&vm, &region);
    sign(&vm, region.address(), 3);
    let wish = Resize::to(4 * PAGE_BYTES).mode(ReallocMode::Copy);
    assert_eq!(region.resize(&wish), Ok(Resized::Copied));
    assert!(frames_of(&vm, &region).iter().all(|frame| !before.contains(frame)));
    assert_signed(&vm, region.address(), 3);
    sound(&vm);
}

/// The number of pages of 65 MiB, with the guard page.
const GROWN: u64 = 65 * MIB / PAGE_BYTES + 1;

/// Creates a region of 64 MiB at the start of the window. A second region takes the addresses
/// behind it, and all frames except `kib` KiB. Behind the second region `gap` pages of the window
/// are free.
fn tight(kib: u64, gap: u64) -> (Vmalloc<SimMachine>, RegionId) {
    let set_up = |window| {
        let vm = SimMachine::new(20_000, 1).set_up(sim::window(window), 64, 0);
        let vm = vm.expect("the memory holds the records");
        let region = vm.vmalloc(64 * MIB).unwrap().into_raw();
        (vm, region)
    };
    // The number of tables for the second region depends on its length, so lengths are tried until
    // exactly `kib` KiB remain.
    let (vm, _) = set_up(1 << 20);
    let free = vm.stats().frames_free;
    let fits = |pages: &u64| {
        let (vm, _) = set_up(1 << 20);
        let _ = vm.vmalloc(pages * PAGE_BYTES).unwrap().into_raw();
        vm.stats().frames_free == kib / 4
    };
    let filler = (0..64).map(|tables| free - kib / 4 - tables).find(fits);
    let filler = filler.expect("a length leaves just as much");
    let (vm, region) = set_up(64 * MIB / PAGE_BYTES + 1 + filler + 1 + gap);
    let _ = vm.vmalloc(filler * PAGE_BYTES).unwrap().into_raw();
    assert_eq!(vm.stats().frames_free, kib / 4, "exactly so much is free");
    (vm, region)
}

fn grow_64_mib_by_1(vm: &Vmalloc<SimMachine>, region: RegionId) -> bool {
    let before = vm.info(region).unwrap().range;
    sign(vm, before.address(), 16_384);
    let (info, how) = vm.vrealloc(region, 65 * MIB).unwrap();
    assert_eq!(how, Resized::Moved);
    assert_signed(vm, info.range.address(), 16_384);
    sound(vm);
    vm.purge();
    sound(vm);
    info.range.start().p1_index() == before.start().p1_index()
}

#[test]
fn growing_64_mib_by_1_works_with_1_1_free_at_equal_phase() {
    let (vm, region) = tight(1_126, GROWN + 511);
    assert!(grow_64_mib_by_1(&vm, region), "whole leaf tables move");
}

#[test]
fn growing_64_mib_by_1_works_with_1_2_free_entry_by_entry() {
    let (vm, region) = tight(1_228, GROWN);
    assert!(!grow_64_mib_by_1(&vm, region), "the only addresses have another phase");
}

#[test]
fn a_failed_resize_changes_nothing_at_every_reservation() {
    for kind in Reservation::ALL {
        for bytes in [PAGE_BYTES, 5 * MIB] {
            for number in 1.. {
                let vm = machine(3_000);
                let region = vm.vmalloc(700 * PAGE_BYTES).unwrap().into_raw();
                let _behind = vm.vmalloc(PAGE_BYTES).unwrap().into_raw();
                let start = vm.info(region).unwrap().range.address();
                sign(&vm, start, 700);
                let before = vm.stats();
                vm.modes().inject(kind, number);
                let result = vm.vrealloc(region, bytes);
                sound(&vm);
                if result.is_ok() {
                    // The resize may succeed without the addresses behind the region, by moving.
                    break;
                }
                let error = result.unwrap_err();
                assert!(matches!(error, ResizeError::Allocate(_)), "{kind:?} {number}: {error}");
                let info = vm.info(region).unwrap();
                assert_eq!((info.range.address(), info.range.count().get()), (start, 700));
                assert_signed(&vm, start, 700);
                let after = vm.stats();
                assert_eq!(after.frames_free, before.frames_free, "{kind:?} {number}");
                assert_eq!(after.table_pages, before.table_pages, "{kind:?} {number}");
                assert_eq!(after.pages_free, before.pages_free, "{kind:?} {number}");
            }
        }
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let vm = machine(400);
    let region = vm.vmalloc(PAGE_BYTES).unwrap().into_raw();
    for bytes in [0, u64::MAX] {
        let error = vm.vrealloc(region, bytes).unwrap_err();
        assert!(matches!(error, ResizeError::Request(_)), "{error}");
    }
    let error = vm.vrealloc(region, 1 << 63).unwrap_err();
    assert!(matches!(error, ResizeError::Allocate(AllocateError::TooBig { .. })), "{error}");
    let aligned = Request::try_new(1).unwrap().align(1 << 20).unwrap();
    let aligned = vm.allocate(&aligned).unwrap().into_raw();
    let _behind = vm.vmalloc(1).unwrap().into_raw();
    let (info, how) = vm.vrealloc(aligned, 9 * PAGE_BYTES).unwrap();
    assert!(how == Resized::Grown || info.range.address().is_aligned(1u64 << 20));
}

/// Returns a machine with two nodes, on CPU 0 of node 0.
fn machine_with_nodes(frames: u64) -> Vmalloc<SimMachine> {
    let machine = SimMachine::new(frames, 2).with_nodes(2);
    machine.set_up(sim::window(1 << 16), 64, 0).expect("the memory holds the records")
}

#[test]
fn growth_keeps_the_nodes_of_a_region() {
    type Choose = fn(Request) -> Request;
    let choices: [Choose; 2] =
        [|request| request.only_node(1).unwrap(), |request| request.prefer_node(1).unwrap()];
    for choose in choices {
        for how in [Resized::Grown, Resized::Moved, Resized::Copied] {
            let vm = machine_with_nodes(4_000);
            let request = choose(Request::try_new(10 * 4096).unwrap());
            let id = vm.allocate(&request).unwrap().into_raw();
            let behind = (how != Resized::Grown).then(|| vm.vmalloc(4096).unwrap());
            let wish = |pages: u64| {
                let wish = Resize::to(pages * 4096);
                if how == Resized::Copied { wish.mode(ReallocMode::Copy) } else { wish }
            };
            let (info, now) = vm.resize(id, &wish(20)).unwrap();
            assert_eq!((now, vm.frames_per_node(&info)), (how, [0, 20, 0, 0]));
            // Also after other changes of the region.
            vm.protect(id, Protection::ReadOnly).unwrap();
            vm.vrealloc(id, 4096).unwrap();
            let (info, _) = vm.resize(id, &wish(600)).unwrap();
            assert_eq!(vm.frames_per_node(&info), [0, 600, 0, 0]);
            vm.vfree(id).unwrap();
            drop(behind);
            vm.purge();
            // The next region in the same slot may have frames of the CPU's node again.
            let mut next = vm.vmalloc(4096).unwrap();
            next.resize(&Resize::to(20 * 4096)).unwrap();
            assert_eq!(vm.frames_per_node(&next.info()), [20, 0, 0, 0]);
            assert!(vm.check().is_sound());
        }
    }
}

#[test]
fn a_region_of_one_node_only_does_not_grow_on_other_nodes() {
    let vm = machine_with_nodes(1_000);
    let request = |pages: u64| Request::try_new(pages * 4096).unwrap();
    let mut region = vm.allocate(&request(10).only_node(1).unwrap()).unwrap();
    let mut other = vm.allocate(&request(10).prefer_node(1).unwrap()).unwrap();
    let free = vm.stats().frames_free_by_node[1];
    let _rest = vm.allocate(&request(free).only_node(1).unwrap()).unwrap();
    for wish in [Resize::to(20 * 4096), Resize::to(20 * 4096).mode(ReallocMode::Copy)] {
        let flushes = vm.stats().generation;
        let error = region.resize(&wish).unwrap_err();
        let exhausted =
            matches!(error, ResizeError::Allocate(AllocateError::FramesExhausted { .. }));
        assert!(exhausted, "{error}");
        assert_eq!(vm.frames_per_node(&region.info()), [0, 10, 0, 0]);
        assert_eq!(vm.stats().generation, flushes);
    }
    other.resize(&Resize::to(20 * 4096)).unwrap();
    assert_eq!(vm.frames_per_node(&other.info()), [10, 10, 0, 0]);
    assert!(vm.check().is_sound());
}
