//! Threads that end, change and own the same regions by guessed ids and addresses, while switches
//! flip and reservations fail.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    CpuId, Cursor, FlushMode, FlushTicket, Huge, PAGE_BYTES, PoolMode, Protection, ReallocMode,
    Region, RegionId, RegionInfo, RegionState, Request, Reservation, Resize, Vmalloc,
};
use x86_64::VirtAddr;

use crate::Random;

type Sim = Vmalloc<SimMachine>;

const CPUS: u32 = 4;
const STEPS: u32 = 150;

/// The state that all threads share.
struct Shared {
    vm: Sim,
    /// Ids and addresses that any thread may try.
    ids: [AtomicU64; 16],
    addresses: [AtomicU64; 16],
    working: AtomicU32,
    is_failing: AtomicBool,
}

/// Acknowledges flushes until all threads have ended.
struct Answering<'s>(&'s Shared);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::SeqCst);
        while self.0.working.load(Ordering::SeqCst) > 0 {
            self.0.vm.acknowledge();
            std::thread::yield_now();
        }
    }
}

fn pages(random: &mut Random) -> u64 {
    if random.chance(12) { 500 + random.below(560) } else { 1 + random.below(8) }
}

/// Writes a word to each page of a region that the thread owns.
fn sign(vm: &Sim, region: &Region<'_, SimMachine>, word: u64) {
    for page in 0..region.bytes() / PAGE_BYTES {
        let at = region.address() + page * PAGE_BYTES;
        vm.machine().write(at, &(word ^ page).to_le_bytes()).unwrap();
    }
}

/// Asserts that the first pages of a region that the thread owns contain their words.
fn assert_signed(vm: &Sim, region: &Region<'_, SimMachine>, word: u64, pages: u64) {
    for page in 0..pages {
        let (at, mut found) = (region.address() + page * PAGE_BYTES, [0; 8]);
        vm.machine().read(at, &mut found).unwrap();
        assert_eq!(u64::from_le_bytes(found), word ^ page, "{region:?}");
    }
}

/// Returns a resize to a size whose last page includes the word of that page.
fn resized(random: &mut Random) -> Resize {
    let target = Resize::to(pages(random) * PAGE_BYTES - random.below(PAGE_BYTES - 8));
    match random.below(5) {
        0 => target.in_place(),
        1 => target.mode(ReallocMode::Copy),
        2 => target.nowait(),
        _ => target,
    }
}

/// Owns a region for some steps, in which no other thread can change it.
fn own(vm: &Sim, random: &mut Random, mut region: Region<'_, SimMachine>) -> RegionId {
    // The other owners of the region by its id may have changed the rights.
    region.protect(Protection::ReadWrite).unwrap();
    let word = random.below(u64::MAX);
    sign(vm, &region, word);
    for _ in 0..random.below(4) {
        let before = region.bytes() / PAGE_BYTES;
        let _ = region.resize(&resized(random));
        let now = region.bytes() / PAGE_BYTES;
        assert_signed(vm, &region, word, before.min(now));
        sign(vm, &region, word);
        assert_eq!(region.info().range, region.range());
        vm.acknowledge();
    }
    assert_signed(vm, &region, word, region.bytes() / PAGE_BYTES);
    region.into_raw()
}

/// Attempts to end, change or own a region that other threads know too.
fn attack(shared: &Shared, random: &mut Random, id: RegionId) {
    let (vm, address) =
        (&shared.vm, shared.addresses[random.below(16) as usize].load(Ordering::Relaxed));
    match random.below(9) {
        0 => drop(vm.vfree(id)),
        1 => drop(vm.vfree_at(VirtAddr::new_truncate(address))),
        2 => drop(vm.free_deferred(id).is_ok()),
        3 => drop(vm.resize(id, &resized(random))),
        4 => {
            let rights = [Protection::ReadWrite, Protection::ReadOnly, Protection::None];
            let _ = vm.protect(id, rights[random.below(3) as usize]);
        }
        5 => drop(Region::from_raw(vm, id)),
        6 => drop((vm.info(id).is_ok(), vm.locate(VirtAddr::new_truncate(address)).kind)),
        7 => drop(Region::from_raw(vm, id).map(|region| vm.vunmap(region))),
        _ => {
            if let Ok(region) = Region::from_raw(vm, id) {
                let _ = own(vm, random, region);
            }
        }
    }
}

fn disturb(shared: &Shared, random: &mut Random) {
    let (vm, is_on) = (&shared.vm, random.chance(2));
    let modes = vm.modes();
    match random.below(8) {
        0 => modes.set_pools(if is_on { PoolMode::On } else { PoolMode::Off }),
        1 => modes.set_flush(if random.chance(5) { FlushMode::Eager } else { FlushMode::Lazy }),
        2 => modes.set_realloc(if is_on { ReallocMode::Copy } else { ReallocMode::Move }),
        3 if shared.is_failing.load(Ordering::Relaxed) => {
            let kind = Reservation::ALL[random.below(4) as usize];
            modes.inject(kind, random.below(4) as u32);
        }
        4 => drop(vm.fill_zeroed(random.below(20))),
        5 => drop(vm.purge().areas),
        6 => drop(vm.reclaim().areas),
        _ => {
            let (mut cursor, mut last) = (Cursor::START, 0);
            while let Some((info, next)) = vm.next_area(cursor) {
                assert!(vm.window().holds(info.range.address()) && last != next.get());
                (cursor, last) = (next, next.get());
            }
        }
    }
}

fn live(shared: &Shared, cpu: u32, seed: u64) {
    let _answering = Answering(shared);
    let vm = &shared.vm;
    vm.machine().become_cpu(CpuId(cpu));
    let random = &mut Random::new(seed << 8 | u64::from(cpu));
    let mut tickets: Vec<FlushTicket<'_, SimMachine>> = Vec::new();
    for _ in 0..STEPS {
        let place = random.below(16) as usize;
        match random.below(10) {
            0..4 => {
                let huge = [Huge::Never, Huge::Try][random.below(2) as usize];
                let request = Request::try_new(pages(random) * PAGE_BYTES).unwrap();
                let request = if random.chance(3) { request.zeroed() } else { request };
                let Ok(region) = vm.allocate(&request.huge(huge).unwrap()) else { continue };
                if random.chance(6) {
                    tickets.push(vm.vunmap_lazy(region));
                    continue;
                }
                let address = region.address().as_u64();
                let id = own(vm, random, region);
                shared.ids[place].store(id.get(), Ordering::Relaxed);
                shared.addresses[place].store(address, Ordering::Relaxed);
            }
            4 => disturb(shared, random),
            _ => {
                let id = RegionId::from_raw(shared.ids[place].load(Ordering::Relaxed));
                id.into_iter().for_each(|id| attack(shared, random, id));
            }
        }
        vm.acknowledge();
    }
    vm.purge();
    assert!(tickets.iter().all(FlushTicket::is_flushed));
}

fn run(seed: u64, frames: u64, window: u64, regions: u32) {
    let vm = SimMachine::new(frames, CPUS).set_up(sim::window(window), regions, 8).unwrap();
    for cpu in (0..CPUS).rev() {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    vm.machine().speculate(seed, window.min(4_000));
    let at_rest = vm.stats();
    let (ids, addresses) = (Default::default(), Default::default());
    let is_failing = AtomicBool::new(seed % 2 == 1);
    let shared = Shared { vm, ids, addresses, working: AtomicU32::new(CPUS), is_failing };
    std::thread::scope(|scope| {
        for cpu in 0..CPUS {
            let shared = &shared;
            scope.spawn(move || live(shared, cpu, seed));
        }
    });
    let vm = &shared.vm;
    for kind in Reservation::ALL {
        vm.modes().inject(kind, 0);
    }
    for cpu in 1..CPUS {
        // SAFETY: the thread of this CPU has ended.
        unsafe { vm.leave_cpu(CpuId(cpu)) };
        vm.machine().set_off_line(CpuId(cpu), true);
    }
    let is_busy = |info: &RegionInfo| info.state == RegionState::Busy;
    while let Some((info, _)) = vm.next_area(Cursor::START).filter(|(info, _)| is_busy(info)) {
        let _ = vm.vfree(info.id).expect("no region is stuck");
    }
    vm.reclaim();
    let violations: Vec<_> = vm.check().violations().map(|v| v.to_string()).collect();
    assert!(violations.is_empty(), "seed {seed}: {violations:?}");
    let now = vm.stats();
    assert_eq!((now.areas, now.areas_lazy, now.pages_free), (0, 0, at_rest.pages_free));
    assert_eq!(now.frames_free + now.table_pages, at_rest.frames_free + at_rest.table_pages);
}

#[test]
fn regions_that_every_thread_attacks_have_one_owner() {
    let seeds = std::env::var("ATTEMPTS").map_or(0..3, |first| {
        let first = first.parse().unwrap();
        first..first + 3
    });
    for seed in seeds {
        match seed % 3 {
            0 => run(seed, 6_000, 40_000, 0),
            1 => run(seed, 1_200, 9_000, 60),
            _ => run(seed, 3_000, 1_500, 0),
        }
    }
}
