//! Tests readers without locks while level-2 tables come and go at the borders of GiB.

use std::sync::atomic::{AtomicU32, Ordering};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{CpuId, Cursor, PAGE_BYTES, Page, PageCount, PageRange, Request, Vmalloc};
use x86_64::VirtAddr;

const GIB_PAGES: u64 = 1 << 18;
const ROUNDS: u64 = 40;
const CPUS: u32 = 3;

/// Returns a window that starts 40 pages before the end of a GiB and ends 300 pages into another
/// one.
fn window() -> PageRange {
    let start = VirtAddr::new(sim::WINDOW_START + (GIB_PAGES - 40) * PAGE_BYTES);
    let pages = PageCount::from_pages(40 + 2 * GIB_PAGES + 300).unwrap();
    PageRange::try_new(Page::containing_address(start), pages).unwrap()
}

/// The number of CPUs that still work. All CPUs acknowledge until the last one has ended.
struct Working<'s>(&'s Vmalloc<SimMachine>, &'s AtomicU32);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
        while self.1.load(Ordering::SeqCst) > 0 {
            self.0.acknowledge();
        }
    }
}

/// Allocates a region in each GiB, resizes one of them, frees all and reclaims every table.
fn change(vm: &Vmalloc<SimMachine>, round: u64) {
    let pages = 1 + round % 90;
    let Ok(near) = vm.vmalloc(pages * PAGE_BYTES) else { return };
    let far = Request::try_new(pages * PAGE_BYTES).unwrap().align(GIB_PAGES * PAGE_BYTES).unwrap();
    let all: Vec<_> = (0..2).map_while(|_| vm.allocate(&far).ok()).collect();
    vm.machine().write(near.address(), b"near").unwrap();
    let id = near.into_raw();
    // If memory is short, the region stays as it is.
    let _ = vm.vrealloc(id, (pages + 30) * PAGE_BYTES);
    drop(all);
    vm.vfree(id).unwrap();
    vm.reclaim();
}

/// Asks for every kind of description, at addresses around the borders.
fn read(vm: &Vmalloc<SimMachine>, round: u64) {
    let border = sim::WINDOW_START + GIB_PAGES * PAGE_BYTES;
    for gib in 0..3 {
        for page in 0..4 {
            let near = border + (gib * GIB_PAGES + (round * 7 + page) % 80) * PAGE_BYTES;
            let address = VirtAddr::new(near - 40 * PAGE_BYTES);
            let _ = (vm.locate(address), vm.find(address), vm.walk(address));
        }
        let from = VirtAddr::new(border + gib * GIB_PAGES * PAGE_BYTES);
        let _ = vm.next_area(Cursor::from_raw(from.as_u64()));
    }
}

#[test]
fn readers_while_level_2_tables_come_and_go() {
    let vm = SimMachine::new(500, CPUS).set_up(window(), 0, 0).unwrap();
    for cpu in (0..CPUS).rev() {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    vm.machine().speculate(5, 200);
    let (at_rest, working) = (vm.stats(), AtomicU32::new(CPUS));
    std::thread::scope(|scope| {
        for cpu in 0..CPUS {
            let (vm, working) = (&vm, &working);
            scope.spawn(move || {
                let _working = Working(vm, working);
                vm.machine().become_cpu(CpuId(cpu));
                for round in 0..ROUNDS {
                    vm.acknowledge();
                    if cpu == 0 { read(vm, round) } else { change(vm, round + u64::from(cpu)) }
                }
                vm.reclaim();
            });
        }
    });
    assert!(vm.check().is_sound());
    let now = vm.stats();
    assert_eq!((now.frames_free, now.table_pages), (at_rest.frames_free, at_rest.table_pages));
}
