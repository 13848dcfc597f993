//! Views of regions after random changes, compared with copies on the host.

use vmalloc::{
    Huge, PAGE_BYTES, PageCount, PoolMode, Protection, ReallocMode, Region, Request, Reservation,
    Resize, ViewError, Vmalloc,
};

use crate::Random;
use crate::machine::HostedMachine;

/// A region, its bytes if they are known, and its rights.
struct Viewed<'v> {
    region: Region<'v, HostedMachine>,
    bytes: Option<Vec<u8>>,
    rights: Protection,
    is_zeroed: bool,
    length: usize,
}

fn allocate<'v>(vm: &'v Vmalloc<HostedMachine>, random: &mut Random) -> Option<Viewed<'v>> {
    let pages = if random.chance(4) { 500 + random.below(600) } else { 1 + random.below(9) };
    let length = pages * PAGE_BYTES - random.below(PAGE_BYTES);
    let (is_zeroed, huge) = (random.chance(2), [Huge::Never, Huge::Try][random.below(2) as usize]);
    let request = Request::try_new(length).unwrap().huge(huge).unwrap();
    let request = if is_zeroed { request.zeroed() } else { request };
    let length = length as usize;
    let region = vm.allocate(&request).ok()?;
    let bytes = is_zeroed.then(|| vec![0; length]);
    Some(Viewed { region, bytes, rights: Protection::ReadWrite, is_zeroed, length })
}

impl Viewed<'_> {
    fn assert(&mut self) {
        let id = self.region.id();
        match (self.region.as_slice::<u8>(), &self.bytes) {
            (Ok(seen), Some(bytes)) => assert!(seen == &bytes[..], "{id}"),
            (Err(ViewError::Protection { .. }), _) => assert_eq!(self.rights, Protection::None),
            (Err(ViewError::Uninitialized { .. }), None) => {}
            (seen, bytes) => panic!("{id}: {} {}", seen.is_ok(), bytes.is_some()),
        }
        let is_writable = self.rights == Protection::ReadWrite;
        assert_eq!(self.region.as_mut_slice::<u8>().is_ok(), is_writable && self.bytes.is_some());
    }

    fn write(&mut self, random: &mut Random) {
        let value = random.below(256) as u8;
        if self.rights != Protection::ReadWrite {
            return;
        }
        if let Ok(places) = self.region.as_uninit_slice::<u8>() {
            assert_eq!(places.len(), self.length);
            for (at, place) in places.iter_mut().enumerate() {
                place.write(value ^ at as u8);
            }
        }
        // SAFETY: all bytes were written.
        unsafe { self.region.assume_init() };
        self.bytes = Some((0..self.length).map(|at| value ^ at as u8).collect());
    }

    fn resize(&mut self, random: &mut Random) {
        let pages = if random.chance(6) { 1_100 } else { 12 };
        let length = (1 + random.below(pages * PAGE_BYTES)) as usize;
        let target = Resize::to(length as u64);
        let (target, zeroed) = match random.below(3) {
            0 => (target, self.is_zeroed),
            1 => (target.zeroed(), true),
            _ => (target.unzeroed(), false),
        };
        let target = match random.below(5) {
            0 => target.in_place(),
            1 => target.nowait(),
            2 => target.mode(ReallocMode::Copy),
            _ => target,
        };
        if self.region.resize(&target).is_err() {
            return;
        }
        let is_known = length <= self.length || zeroed;
        self.bytes = self.bytes.take().filter(|_| is_known);
        if let Some(bytes) = &mut self.bytes {
            bytes.resize(length, 0);
        }
        self.length = length;
    }

    fn zero(&mut self, random: &mut Random) {
        let count = self.region.range().count().get();
        let first = random.below(count);
        let pages = if random.chance(2) { (0, count) } else { (first, count - first) };
        let [first, pages] = [pages.0, pages.1].map(|pages| PageCount::from_pages(pages).unwrap());
        self.region.zero(first, pages);
        let from = (first.bytes() as usize).min(self.length);
        match &mut self.bytes {
            Some(bytes) => bytes[from..].fill(0),
            none => *none = (from == 0).then(|| vec![0; self.length]),
        }
    }
}

fn disturb(vm: &Vmalloc<HostedMachine>, random: &mut Random) {
    match random.below(5) {
        0 => vm.modes().set_pools([PoolMode::On, PoolMode::Off][random.below(2) as usize]),
        1 => drop(vm.fill_zeroed(random.below(90))),
        2 => drop(vm.purge().areas),
        3 => drop(vm.reclaim().areas),
        _ => {
            let kind = Reservation::ALL[random.below(4) as usize];
            vm.modes().inject(kind, random.below(6) as u32);
        }
    }
}

#[test]
fn a_view_has_the_bytes_of_its_region_after_every_change() {
    for seed in 0..12 {
        let random = &mut Random::new(seed);
        let vm = HostedMachine::set_up(6_000, 40_000);
        let mut all: Vec<Viewed<'_>> = Vec::new();
        for _ in 0..900 {
            let at = random.below(all.len().max(1) as u64) as usize;
            match (random.below(12), all.get_mut(at)) {
                (0 | 1, _) | (_, None) => all.extend(allocate(&vm, random)),
                (2, _) => disturb(&vm, random),
                (3, Some(viewed)) => {
                    viewed.assert();
                    drop(all.swap_remove(at));
                }
                (4, Some(viewed)) => {
                    let rights = [Protection::ReadWrite, Protection::ReadOnly, Protection::None];
                    viewed.rights = rights[random.below(3) as usize];
                    viewed.region.protect(viewed.rights).unwrap();
                }
                (5 | 6, Some(viewed)) => viewed.write(random),
                (7, Some(viewed)) => viewed.zero(random),
                (_, Some(viewed)) => viewed.resize(random),
            }
            if let Some(viewed) = all.get_mut(at) {
                viewed.assert();
            }
        }
        all.iter_mut().for_each(Viewed::assert);
        drop(all);
        vm.reclaim();
        let violations: Vec<_> = vm.check().violations().map(|v| v.to_string()).collect();
        assert!(violations.is_empty(), "seed {seed}: {violations:?}");
    }
}
