//! Tests leaves of 2 MiB: when they are used, when small pages replace them, and how they are
//! split.
#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "pages of a test are few, and a test may panic"
)]

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AccessKind, AllocateError, CpuId, Cursor, Huge, PAGE_BYTES, PoolMode, Protection, ReallocMode,
    Region, RegionId, Request, RequestError, Reservation, Resize, Resized, Vmalloc,
};
use x86_64::VirtAddr;

const MIB: u64 = 1 << 20;

fn machine(frames: u64, window: u64) -> Vmalloc<SimMachine> {
    let vm = SimMachine::new(frames, 2).set_up(sim::window(window), 64, 0);
    let vm = vm.expect("the memory holds the records");
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    vm.machine().on(CpuId(0));
    vm
}

fn sound(vm: &Vmalloc<SimMachine>) {
    let audit = vm.check();
    let violations: Vec<_> = audit.violations().map(|v| v.to_string()).collect();
    assert!(audit.is_sound(), "{violations:?}");
}

fn request(bytes: u64, huge: Huge) -> Request {
    Request::try_new(bytes).unwrap().huge(huge).unwrap()
}

/// Returns how many pages of a region have a leaf of level 2 and how many one of level 1.
fn levels(vm: &Vmalloc<SimMachine>, id: RegionId) -> (usize, usize) {
    let info = vm.info(id).unwrap();
    let level =
        |level| vm.entries(&info).filter(|(_, walk)| walk.last().unwrap().0 == level).count();
    (level(2), level(1))
}

fn sign(vm: &Vmalloc<SimMachine>, start: VirtAddr, pages: u64) {
    for page in 0..pages {
        vm.machine().write(start + page * PAGE_BYTES + 100, &page.to_le_bytes()).unwrap();
    }
}

fn assert_signed(vm: &Vmalloc<SimMachine>, start: VirtAddr, pages: u64) {
    for cpu in [0, 1] {
        vm.machine().on(CpuId(cpu));
        for page in 0..pages {
            let mut word = [0; 8];
            vm.machine().read(start + page * PAGE_BYTES + 100, &mut word).unwrap();
            assert_eq!(u64::from_le_bytes(word), page, "page {page} on CPU {cpu}");
        }
    }
    vm.machine().on(CpuId(0));
}

#[test]
fn a_report_finds_regions_that_have_large_leaves_only() {
    let vm = machine(6_000, 20_000);
    // No small region is allocated before these, because the listing would return it first.
    let regions = [(); 2].map(|()| vm.allocate(&request(4 * MIB, Huge::Must)).unwrap());
    let mut cursor = Cursor::START;
    for region in &regions {
        let (info, next) = vm.next_area(cursor).unwrap();
        assert_eq!(info.id, region.id());
        cursor = next;
    }
    sound(&vm);
}

#[test]
fn whole_2_mib_are_large_and_the_rest_is_small() {
    let vm = machine(6_000, 20_000);
    let before = vm.stats();
    let region = vm.allocate(&request(5 * MIB, Huge::Try).zeroed()).unwrap();
    assert!(region.address().is_aligned(2 * MIB));
    assert_eq!(levels(&vm, region.id()), (1024, 256));
    let mut bytes = vec![1; 5 * MIB as usize];
    vm.machine().read(region.address(), &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
    sign(&vm, region.address(), 1280);
    assert_signed(&vm, region.address(), 1280);
    let middle = region.address() + 3 * MIB;
    assert_eq!(vm.find(middle).map(|info| info.id), Some(region.id()));
    assert_eq!(vm.next_area(Cursor::START).unwrap().0.id, region.id());
    sound(&vm);
    drop(region);
    sound(&vm);
    vm.reclaim();
    sound(&vm);
    assert_eq!(vm.stats().frames_free, before.frames_free);
    assert_eq!(vm.stats().table_pages, before.table_pages);
}

#[test]
fn what_only_tries_takes_small_pages_where_no_block_is_whole() {
    let vm = SimMachine::new(2_200, 1).set_up(sim::window(20_000), 0, 0).unwrap();
    // Every second frame is taken, so no two free frames are adjacent.
    let mut singles = Vec::new();
    while let Ok(region) = vm.vmalloc(1) {
        singles.push(region.into_raw());
    }
    for id in singles.iter().step_by(2) {
        vm.vfree(*id).unwrap();
    }
    let error = vm.allocate(&request(2 * MIB, Huge::Must)).unwrap_err();
    assert!(matches!(error, AllocateError::FramesExhausted { .. }), "{error}");
    sound(&vm);
    let region = vm.allocate(&request(2 * MIB, Huge::Try)).unwrap();
    assert_eq!(levels(&vm, region.id()), (0, 512));
    sound(&vm);
}

#[test]
fn what_must_be_large_is_or_fails() {
    let vm = machine(6_000, 20_000);
    let error = Request::try_new(2 * MIB - PAGE_BYTES).unwrap().huge(Huge::Must).unwrap_err();
    assert_eq!(error, RequestError::TooSmallForHuge { bytes: 2 * MIB - PAGE_BYTES });
    // A cached empty leaf table occupies the entry that the large leaf needs.
    drop(vm.vmalloc(PAGE_BYTES).unwrap());
    vm.purge();
    assert_eq!(vm.stats().table_pages_cached, 1);
    let region = vm.allocate(&request(2 * MIB, Huge::Must)).unwrap();
    assert_eq!(levels(&vm, region.id()), (512, 0));
    sound(&vm);
}

/// Returns a machine with empty leaf tables over the first pages of the window, as short-lived
/// regions leave them.
fn used_machine(frames: u64) -> Vmalloc<SimMachine> {
    let vm = machine(frames, 20_000);
    // Their addresses are used again immediately.
    vm.modes().set_pools(PoolMode::Off);
    let all: Vec<_> = (0..25).map(|_| vm.vmalloc(100 * PAGE_BYTES).unwrap()).collect();
    drop(all);
    vm.purge();
    let long = vm.vmalloc(2_100 * PAGE_BYTES).unwrap();
    drop(long);
    vm.purge();
    assert!(vm.stats().table_pages_cached >= 4);
    vm
}

#[test]
fn cached_tables_do_not_stand_in_the_way_of_large_leaves() {
    for huge in [Huge::Try, Huge::Must] {
        let vm = used_machine(8_000);
        let before = vm.stats();
        let region = vm.allocate(&request(8 * MIB, huge)).unwrap();
        assert_eq!(levels(&vm, region.id()), (2_048, 0), "{huge:?}");
        let after = vm.stats();
        assert_eq!(after.generation, before.generation + 1, "one shootdown");
        sound(&vm);
        // No empty table is left, so another region needs no shootdown.
        let second = vm.allocate(&request(8 * MIB, huge)).unwrap();
        assert_eq!(levels(&vm, second.id()), (2_048, 0));
        assert_eq!(vm.stats().generation, after.generation);
        drop((region, second));
        vm.reclaim();
        sound(&vm);
    }
}

#[test]
fn cached_tables_stay_where_no_large_leaf_can_be_had() {
    let vm = used_machine(5_000);
    // Leaves no whole block of 512 frames.
    let mut blocks = Vec::new();
    while let Some(run) = vm.take_run(512) {
        blocks.push(run);
    }
    vm.reclaim();
    drop(vm.vmalloc(200 * PAGE_BYTES).unwrap());
    vm.purge();
    let before = vm.stats();
    assert!(before.table_pages_cached > 0 && before.frames_free > 520, "{}", before.frames_free);
    let region = vm.allocate(&request(2 * MIB, Huge::Try)).unwrap();
    assert_eq!(levels(&vm, region.id()), (0, 512));
    assert_eq!(vm.stats().generation, before.generation, "a shootdown would be in vain");
    sound(&vm);
}

#[test]
fn rights_of_large_leaves_change_on_every_cpu() {
    let vm = machine(6_000, 20_000);
    let mut region = vm.allocate(&request(3 * MIB, Huge::Must)).unwrap();
    sign(&vm, region.address(), 768);
    assert_signed(&vm, region.address(), 768);
    region.protect(Protection::ReadOnly).unwrap();
    for cpu in [0, 1] {
        vm.machine().on(CpuId(cpu));
        for offset in [0, 2 * MIB - 1, 2 * MIB, 3 * MIB - 1] {
            let address = region.address() + offset;
            assert!(vm.machine().probe(address, AccessKind::Write).is_err(), "CPU {cpu}");
        }
    }
    assert_eq!(levels(&vm, region.id()), (512, 256), "no leaf was split");
    region.protect(Protection::None).unwrap();
    assert!(vm.machine().probe(region.address(), AccessKind::Read).is_err());
    sound(&vm);
    region.protect(Protection::ReadWrite).unwrap();
    assert_signed(&vm, region.address(), 768);
    sound(&vm);
}

#[test]
fn a_shrink_splits_the_leaf_that_its_end_lies_in() {
    let vm = machine(6_000, 20_000);
    let mut region = vm.allocate(&request(6 * MIB, Huge::Must)).unwrap();
    sign(&vm, region.address(), 1536);
    assert_signed(&vm, region.address(), 1536);
    let free = vm.stats().frames_free;
    assert_eq!(region.resize(&Resize::to(3 * MIB)), Ok(Resized::Shrunk));
    assert_eq!(levels(&vm, region.id()), (512, 256));
    assert_signed(&vm, region.address(), 768);
    let guard = region.address() + 3 * MIB;
    for cpu in [0, 1] {
        vm.machine().on(CpuId(cpu));
        assert!(vm.machine().probe(guard, AccessKind::Read).is_err(), "CPU {cpu}");
    }
    vm.machine().on(CpuId(0));
    sound(&vm);
    vm.purge();
    assert_eq!(vm.stats().frames_free, free + 768 - 1, "the table of the split is new");
    sound(&vm);
    drop(region);
    vm.reclaim();
    sound(&vm);
}

/// Returns a region with large leaves that starts at no multiple of 2 MiB, and the region before it.
fn unaligned(
    vm: &Vmalloc<SimMachine>,
    pages: u64,
) -> (Region<'_, SimMachine>, Region<'_, SimMachine>) {
    let before = vm.vmalloc(PAGE_BYTES).unwrap();
    let region = vm.allocate(&request(pages * PAGE_BYTES, Huge::Try)).unwrap();
    assert!(!region.address().is_aligned(2 * MIB));
    assert!(levels(vm, region.id()).0 > 0);
    (before, region)
}

#[test]
fn a_shrink_to_any_size_splits_by_address() {
    // The region starts 2 pages behind a multiple of 2 MiB, and ends 2 pages behind one with these
    // sizes, or directly at one if 2 is subtracted.
    for pages in [1, 509, 510, 511, 512, 513, 1022, 1023, 1024, 1025, 1534, 1536, 1599] {
        for stage in ["owned", "loose"] {
            let vm = machine(4_000, 2_000);
            let free = vm.stats().frames_free;
            let (before, mut region) = unaligned(&vm, 1_600);
            sign(&vm, region.address(), 1_600);
            assert_signed(&vm, region.address(), 1_600);
            let (target, address) = (Resize::to(pages * PAGE_BYTES), region.address());
            let region = if stage == "owned" {
                assert_eq!(region.resize(&target), Ok(Resized::Shrunk), "{pages}");
                region
            } else {
                let id = region.into_raw();
                assert_eq!(vm.resize(id, &target).unwrap().1, Resized::Shrunk, "{pages}");
                Region::from_raw(&vm, id).unwrap()
            };
            assert_signed(&vm, address, pages);
            let end = (2 + pages) / 512;
            assert_eq!(levels(&vm, region.id()).0 as u64, end.saturating_sub(1) * 512, "{pages}");
            sound(&vm);
            drop((before, region));
            vm.reclaim();
            sound(&vm);
            assert_eq!(vm.stats().frames_free, free);
        }
    }
}

#[test]
fn a_region_at_an_unaligned_start_grows_moves_and_is_copied() {
    let target = Resize::to(1_800 * PAGE_BYTES);
    for (window, target, how) in [
        (2_000, target, Resized::Grown),
        (4_000, target, Resized::Moved),
        (4_000, target.mode(ReallocMode::Copy), Resized::Copied),
    ] {
        let vm = machine(6_000, window);
        let front = vm.vmalloc(PAGE_BYTES).unwrap();
        // In the larger window the region gets a gap that ends before a region of one page.
        let gap = vm.vmalloc(1_700 * PAGE_BYTES).unwrap();
        let behind = (window == 4_000).then(|| vm.vmalloc(PAGE_BYTES).unwrap());
        let rest = behind.is_some().then(|| vm.vmalloc(2_290 * PAGE_BYTES).unwrap());
        drop(gap);
        vm.reclaim();
        let mut region = vm.allocate(&request(1_600 * PAGE_BYTES, Huge::Try)).unwrap();
        assert!(!region.address().is_aligned(2 * MIB));
        assert!(levels(&vm, region.id()).0 > 0);
        sign(&vm, region.address(), 1_600);
        assert_signed(&vm, region.address(), 1_600);
        drop(rest);
        vm.reclaim();
        assert_eq!(region.resize(&target), Ok(how));
        assert_signed(&vm, region.address(), 1_600);
        sound(&vm);
        for pages in [1_536, 1_024, 1_022, 512, 510] {
            assert_eq!(region.resize(&Resize::to(pages * PAGE_BYTES)), Ok(Resized::Shrunk));
            assert_signed(&vm, region.address(), pages);
            sound(&vm);
        }
        drop((front, behind, region));
        vm.reclaim();
        sound(&vm);
    }
}

#[test]
fn large_leaves_move_whole_or_are_split() {
    for window in [20_000, 2_700] {
        let vm = machine(8_000, window);
        let mut region = vm.allocate(&request(4 * MIB, Huge::Must)).unwrap();
        let _behind = vm.vmalloc(PAGE_BYTES).unwrap();
        sign(&vm, region.address(), 1024);
        assert_signed(&vm, region.address(), 1024);
        let old = region.address();
        // In the smaller window, the new size fits only at another offset from a multiple of 2 MiB.
        let pages = if window == 20_000 { 1100 } else { 1500 };
        assert_eq!(region.resize(&Resize::to(pages * PAGE_BYTES)), Ok(Resized::Moved));
        let (large, small) = levels(&vm, region.id());
        let expected = if window == 20_000 { (1024, 76) } else { (0, 1500) };
        assert_eq!((large, small), expected, "window of {window}");
        assert_signed(&vm, region.address(), 1024);
        sound(&vm);
        vm.purge();
        assert!(vm.machine().probe(old, AccessKind::Read).is_err());
        sound(&vm);
        drop(region);
        vm.reclaim();
        sound(&vm);
    }
}

#[test]
fn a_large_request_that_fails_changes_nothing() {
    for kind in Reservation::ALL {
        for number in 1.. {
            let vm = machine(6_000, 20_000);
            let before = vm.stats();
            vm.modes().inject(kind, number);
            let result = vm.allocate(&request(5 * MIB, Huge::Must).zeroed());
            if result.is_ok() {
                break;
            }
            let after = vm.stats();
            assert_eq!(after.frames_free, before.frames_free, "{kind:?} {number}");
            assert_eq!(after.table_pages, before.table_pages, "{kind:?} {number}");
            assert_eq!(after.pages_free, before.pages_free, "{kind:?} {number}");
            sound(&vm);
        }
    }
}
