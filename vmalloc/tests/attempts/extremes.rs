//! Extreme values of requests, resizes and configurations.

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    Cursor, Huge, PAGE_BYTES, PageCount, Protection, Region, RegionId, Request, Resize, Vmalloc,
};
use x86_64::VirtAddr;

use crate::Random;

const NUMBERS: [u64; 12] = [
    1,
    PAGE_BYTES - 1,
    PAGE_BYTES,
    PAGE_BYTES + 1,
    511 * PAGE_BYTES,
    (1 << 21) + 1,
    1 << 39,
    (1 << 47) - 1,
    1 << 48,
    1 << 51,
    1 << 63,
    u64::MAX - 4_096,
];

fn machine(seed: u64) -> Vmalloc<SimMachine> {
    let reserve = [0, 5, 400, 1_300, u64::MAX][(seed % 5) as usize];
    let regions = [0, 1, 2, 7, 3_000][(seed / 5 % 5) as usize];
    let pages = [1, 2, 3, 600, 4_000, 1 << 33][(seed / 25 % 6) as usize];
    let machine = SimMachine::new(1_500, 1).with_nodes(1 + (seed % 3) as u32);
    machine.set_up(sim::window(pages), regions, reserve).unwrap()
}

fn number(random: &mut Random) -> u64 {
    NUMBERS[random.below(NUMBERS.len() as u64) as usize]
}

fn request(random: &mut Random) -> Option<Request> {
    let bytes = if random.chance(3) { number(random) } else { 1 + random.below(9 << 12) };
    let mut request = Request::try_new(bytes).ok()?;
    if random.chance(3) {
        request = request.align(1 << random.below(64)).unwrap();
    }
    if random.chance(3) {
        request = request.huge([Huge::Try, Huge::Must][random.below(2) as usize]).ok()?;
    }
    if random.chance(4) {
        let node = random.below(9) as u32;
        request =
            if random.chance(2) { request.only_node(node) } else { request.prefer_node(node) }
                .ok()?;
    }
    let rights = [Protection::ReadOnly, Protection::ReadExecute, Protection::None];
    let flags = random.below(64);
    let set = |request: Request, bit: u64, change: fn(Request) -> Request| {
        if flags & 1 << bit == 0 { request } else { change(request) }
    };
    let request = set(request, 0, Request::zeroed);
    let request = set(request, 1, Request::system);
    let request = set(request, 2, Request::with_reserve);
    let request = set(request, 3, Request::nowait);
    let request = set(request, 4, |request| request.caller("extremes").owner(u64::MAX));
    Some(if flags < 8 { request.protection(rights[random.below(3) as usize]) } else { request })
}

fn resize(random: &mut Random) -> Resize {
    let bytes = if random.chance(2) { number(random) } else { random.below(9 << 12) };
    let target = Resize::to(bytes);
    match random.below(6) {
        0 => target.in_place(),
        1 => target.nowait(),
        2 => target.nowait().in_place().zeroed(),
        3 => target.mode(vmalloc::ReallocMode::Copy).zeroed(),
        _ => target,
    }
}

#[test]
fn extreme_requests_are_served_or_refused() {
    for seed in 0..150 {
        let (vm, random) = (machine(seed), &mut Random::new(seed));
        let at_rest = vm.stats();
        let mut all: Vec<Region<'_, SimMachine>> = Vec::new();
        for _ in 0..150 {
            let at = random.below(all.len().max(1) as u64) as usize;
            match random.below(5) {
                0 | 1 => all.extend(request(random).and_then(|request| vm.allocate(&request).ok())),
                2 => drop(vm.take_run(number(random)).filter(|_| false)),
                3 if at < all.len() => drop(all.swap_remove(at)),
                _ if at < all.len() => {
                    let _ = all[at].resize(&resize(random));
                    let count = all[at].range().count();
                    all[at].zero(PageCount::ZERO, count);
                }
                _ => {}
            }
        }
        for (first, region) in all.iter().enumerate() {
            let area = region.info().with_guard();
            assert!(vm.window().holds(area.address()) && area.end() <= vm.window().end());
            let meets = |other: &Region<'_, SimMachine>| {
                let other = other.info().with_guard();
                other.address() < area.end() && area.address() < other.end()
            };
            assert!(!all[first + 1..].iter().any(meets), "seed {seed}: {region:?}");
        }
        drop(all);
        vm.reclaim();
        let violations: Vec<_> = vm.check().violations().map(|v| v.to_string()).collect();
        assert!(violations.is_empty(), "seed {seed}: {violations:?}");
        assert_eq!((vm.stats().areas, vm.stats().pages_free), (0, at_rest.pages_free));
    }
}

#[test]
fn guessed_ids_addresses_and_cursors_are_refused() {
    for seed in 0..60 {
        let (vm, random) = (machine(seed), &mut Random::new(seed));
        let owned: Vec<_> = (0..5).filter_map(|_| vm.vmalloc(3 * PAGE_BYTES).ok()).collect();
        drop(vm.vmalloc(1));
        for _ in 0..200 {
            let low = random.below(8);
            let raw = if random.chance(2) { low } else { number(random) ^ low << random.below(60) };
            let _ = vm.next_area(Cursor::from_raw(raw));
            let address = vm.window().address().as_u64().wrapping_add(number(random) ^ low);
            let address = VirtAddr::new_truncate(address);
            assert!(vm.vfree_at(address).is_err());
            let _ = (vm.locate(address), vm.walk(address), vm.find(address));
            let Some(id) = RegionId::from_raw(raw) else { continue };
            assert!(vm.vfree(id).is_err() && vm.free_deferred(id).is_err());
            assert!(vm.protect(id, Protection::None).is_err());
            assert!(vm.resize(id, &resize(random)).is_err() && Region::from_raw(&vm, id).is_err());
        }
        for region in owned {
            assert!(vm.machine().probe(region.address(), vmalloc::AccessKind::Write).is_ok());
        }
        assert!(vm.check().is_sound());
    }
}
