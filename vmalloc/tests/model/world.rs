//! The allocator beside a list of what it must have handed out.

use std::collections::{BTreeMap, HashSet};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    Access, AccessKind, AllocateError, CpuId, Frame, PAGE_BYTES, Page, Protection, RegionError,
    RegionId, Request, Reservation, SiteKind, Stats, Vmalloc,
};
use x86_64::VirtAddr;

use crate::random::Random;

struct Held {
    id: RegionId,
    pages: u64,
    requested: u64,
    protection: Protection,
    /// The byte that every page starts and ends with; none where the contents are undefined.
    byte: Option<u8>,
}

pub(crate) struct World {
    vm: Vmalloc<SimMachine>,
    window: u64,
    held: BTreeMap<u64, Held>,
    gone: Vec<RegionId>,
    at_rest: Stats,
}

impl World {
    /// A machine of random size: small enough that everything runs out now and then.
    pub(crate) fn new(random: &mut Random) -> Self {
        let machine = SimMachine::new(200 + random.below(400), 1);
        let window = [300, 1_500, 5_000][random.below(3) as usize];
        machine.speculate(random.next(), window);
        let regions = if random.one_in(2) { 40 } else { 0 };
        let vm = machine.set_up(sim::window(window), regions, 0);
        let vm = vm.expect("the memory holds the records");
        let at_rest = vm.stats();
        Self { vm, window, held: BTreeMap::new(), gone: Vec::new(), at_rest }
    }

    /// Does one thing and says what.
    pub(crate) fn step(&mut self, random: &mut Random) -> String {
        match random.below(16) {
            0..=6 => self.allocate(random),
            7..=10 => self.free(random),
            11 => self.free_wrongly(random),
            12..=13 => self.write(random),
            _ => self.allocate_with_a_failure(random),
        }
    }

    fn request(random: &mut Random) -> (Request, u64, u64) {
        let pages = match random.below(20) {
            0 => 1 + random.below(700),
            1..=3 => 1 + random.below(60),
            _ => 1 + random.below(8),
        };
        let bytes = (pages - 1) * PAGE_BYTES + 1 + random.below(PAGE_BYTES);
        let align = if random.one_in(4) { PAGE_BYTES << random.below(7) } else { 1 };
        let mut request = Request::try_new(bytes).unwrap().align(align).unwrap();
        if random.one_in(2) {
            request = request.zeroed();
        }
        if random.one_in(5) {
            request = request.protection(Protection::ReadOnly);
        }
        (request, pages, align.max(PAGE_BYTES))
    }

    fn allocate(&mut self, random: &mut Random) -> String {
        let (request, pages, align) = Self::request(random);
        let what = format!("allocate {request:?}");
        let before = self.vm.stats();
        match self.vm.allocate(&request) {
            Ok(region) => {
                let info = *region.info();
                let id = region.into_raw();
                let start = info.range.address().as_u64();
                let lowest = self.gaps(pages + 1, align).next();
                match lowest {
                    Some(lowest) if align == PAGE_BYTES => assert_eq!(start, lowest, "{what}"),
                    Some(_) => assert_eq!(start % align, 0, "{what}"),
                    None => panic!("{what}: no gap, but {start:#x}"),
                }
                assert_eq!(info.range.count().get(), pages, "{what}");
                let held = Held {
                    id,
                    pages,
                    requested: info.requested,
                    protection: info.protection,
                    byte: None,
                };
                self.held.insert(start, held);
                if format!("{request:?}").contains("zeroed: true") {
                    self.assert_zero(start, pages, &what);
                    self.held.get_mut(&start).expect("just inserted").byte = Some(0);
                }
            }
            Err(error) => {
                self.assert_deserved(error, pages, align, &before, &what);
                self.assert_unchanged(&before, &what);
            }
        }
        what
    }

    /// An error is right only if the request could not be served.
    fn assert_deserved(
        &self,
        error: AllocateError,
        pages: u64,
        align: u64,
        before: &Stats,
        what: &str,
    ) {
        match error {
            AllocateError::TooBig { usable, .. } => {
                assert!(pages * PAGE_BYTES > usable, "{what}: {error}");
            }
            AllocateError::FramesExhausted { .. } => {
                let tables = 2 * (pages / 512 + 2) + 2;
                assert!(before.frames_free < pages + tables, "{what}: {error}, {before:?}");
            }
            AllocateError::WindowExhausted { .. } => {
                assert_eq!(self.gaps(pages + 1, align).next(), None, "{what}: {error}");
            }
            AllocateError::RegionsExhausted { limit } => {
                assert_eq!(self.held.len(), limit as usize, "{what}");
            }
        }
    }

    /// Where `pages` pages would fit, lowest first, by the model's own list.
    fn gaps(&self, pages: u64, align: u64) -> impl Iterator<Item = u64> {
        let end = sim::WINDOW_START + self.window * PAGE_BYTES;
        let ends = self.held.iter().map(|(start, held)| start + (held.pages + 1) * PAGE_BYTES);
        let from = std::iter::once(sim::WINDOW_START).chain(ends);
        let to = self.held.keys().copied().chain(std::iter::once(end));
        from.zip(to).filter_map(move |(from, to)| {
            let start = from.next_multiple_of(align);
            (start + pages * PAGE_BYTES <= to).then_some(start)
        })
    }

    fn assert_unchanged(&self, before: &Stats, what: &str) {
        let after = self.vm.stats();
        assert_eq!(after.frames_free, before.frames_free, "{what}");
        assert_eq!(after.table_pages, before.table_pages, "{what}");
        assert_eq!(after.pages_free, before.pages_free, "{what}");
        assert_eq!(after.areas, before.areas, "{what}");
    }

    fn allocate_with_a_failure(&mut self, random: &mut Random) -> String {
        let kind = Reservation::ALL[random.below(4) as usize];
        let number = 1 + random.below(3) as u32;
        self.vm.inject(kind, number);
        let (request, ..) = Self::request(random);
        let what = format!("allocate {request:?} with failure {number} of {kind:?}");
        let before = self.vm.stats();
        match self.vm.allocate(&request) {
            Ok(region) => drop(region),
            Err(_) => self.assert_unchanged(&before, &what),
        }
        self.vm.inject(kind, 0);
        what
    }

    fn pick(&self, random: &mut Random) -> Option<u64> {
        let number = random.below(self.held.len().max(1) as u64);
        self.held.keys().nth(number as usize).copied()
    }

    fn free(&mut self, random: &mut Random) -> String {
        let Some(start) = self.pick(random) else {
            return "nothing to free".into();
        };
        let held = self.held.remove(&start).expect("just picked");
        let what = format!("free {} at {start:#x}", held.id);
        // Every page is in the TLB before it is unmapped.
        for page in 0..held.pages {
            let at = VirtAddr::new(start + page * PAGE_BYTES);
            self.vm.machine().probe(at, AccessKind::Read).expect("mapped until it is freed");
        }
        let freed = if random.one_in(2) {
            self.vm.vfree(held.id)
        } else {
            self.vm.vfree_at(VirtAddr::new(start))
        };
        assert_eq!(freed.map(|info| info.id), Ok(held.id), "{what}");
        self.assert_faults(start, &what);
        self.gone.push(held.id);
        what
    }

    fn free_wrongly(&mut self, random: &mut Random) -> String {
        let before = self.vm.stats();
        let what = "free wrongly".to_owned();
        if !self.gone.is_empty() {
            let id = self.gone[random.below(self.gone.len() as u64) as usize];
            assert_eq!(self.vm.vfree(id).unwrap_err(), RegionError::Gone { id }, "{what}");
            assert_eq!(self.vm.info(id).unwrap_err(), RegionError::Gone { id }, "{what}");
        }
        let never = RegionId::from_raw(1 << 40 | 1).expect("a possible id");
        let error = RegionError::Unknown { id: never.get() };
        assert_eq!(self.vm.vfree(never).unwrap_err(), error, "{what}");
        if let Some(start) = self.pick(random) {
            let inside = start + 1 + random.below(self.held[&start].pages * PAGE_BYTES);
            let error = self.vm.vfree_at(VirtAddr::new(inside)).unwrap_err();
            let expected = RegionError::NotRegionStart { address: inside, region_start: start };
            assert_eq!(error, expected, "{what}");
        }
        self.assert_unchanged(&before, &what);
        what
    }

    fn write(&mut self, random: &mut Random) -> String {
        let Some(start) = self.pick(random) else {
            return "nothing to write".into();
        };
        let held = self.held.get_mut(&start).expect("just picked");
        let byte = random.next() as u8;
        let bytes = held.pages * PAGE_BYTES;
        let what = format!("fill {} with {byte}", held.id);
        let result = self.vm.machine().fill(VirtAddr::new(start), bytes, byte);
        match held.protection {
            Protection::ReadWrite => {
                result.expect("writable");
                held.byte = Some(byte);
            }
            Protection::ReadOnly => assert!(result.is_err(), "{what}: read-only"),
        }
        what
    }

    fn assert_zero(&self, start: u64, pages: u64, what: &str) {
        let mut bytes = vec![1; (pages * PAGE_BYTES) as usize];
        self.vm.machine().read(VirtAddr::new(start), &mut bytes).expect("mapped");
        assert!(bytes.iter().all(|byte| *byte == 0), "{what}: not zero");
    }

    fn assert_faults(&self, address: u64, what: &str) {
        let address = VirtAddr::new(address);
        let read = self.vm.machine().probe(address, AccessKind::Read);
        assert!(read.is_err(), "{what}: {address:?} can be read");
    }

    /// Checks every invariant; `all` looks at every byte end of every region too.
    pub(crate) fn verify(&self, random: &mut Random, all: bool, what: &str) {
        let audit = self.vm.check();
        let violations: Vec<_> = audit.violations().map(|v| v.to_string()).collect();
        assert!(audit.is_sound(), "{what}: {violations:?}");
        self.verify_list(what);
        let mapped = self.verify_frames(what);
        self.verify_tlbs(what);
        assert_eq!(self.vm.machine().spoilt(&mapped), None, "{what}: a free frame was written");
        let some = self.pick(random);
        for (start, held) in self.held.iter().filter(|(start, _)| all || Some(**start) == some) {
            self.verify_region(*start, held, what);
        }
    }

    /// The report lists exactly what is held, in address order.
    fn verify_list(&self, what: &str) {
        let mut from = self.vm.window().address();
        for (start, held) in &self.held {
            let info = self.vm.next_region(from).unwrap_or_else(|| panic!("{what}: list short"));
            assert_eq!(info.range.address().as_u64(), *start, "{what}: list");
            assert_eq!(info.id, held.id, "{what}: list");
            assert_eq!(info.requested, held.requested, "{what}: list");
            from = info.with_guard().end();
        }
        assert!(self.vm.next_region(from).is_none(), "{what}: list too long");
    }

    /// Every page of every region has a frame of its own.
    fn verify_frames(&self, what: &str) -> HashSet<Frame> {
        let mut frames = HashSet::new();
        for (start, held) in &self.held {
            for page in 0..held.pages {
                let at = VirtAddr::new(start + page * PAGE_BYTES);
                let physical = self.vm.translate(at).unwrap_or_else(|| panic!("{what}: {at:?}"));
                let frame = Frame::containing_address(physical);
                assert!(frames.insert(frame), "{what}: {frame:?} is in two places");
            }
        }
        frames
    }

    /// What a TLB holds is what the tables say: nothing freed, nothing of somebody else.
    fn verify_tlbs(&self, what: &str) {
        for (page, frame) in self.vm.machine().translations(CpuId(0)) {
            let page: Page = page;
            let now = self.vm.translate(page.start_address()).map(Frame::containing_address);
            assert_eq!(now, Some(frame), "{what}: stale translation of {page:?}");
        }
    }

    fn verify_region(&self, start: u64, held: &Held, what: &str) {
        let guard = start + held.pages * PAGE_BYTES;
        self.assert_faults(guard, what);
        let site = self.vm.locate(VirtAddr::new(guard + 7));
        assert_eq!(site.kind, SiteKind::Guard, "{what}");
        assert_eq!(site.region.map(|info| info.id), Some(held.id), "{what}");
        assert_eq!(site.distance, 7, "{what}");
        let found = self.vm.find(VirtAddr::new(guard - 1));
        assert_eq!(found.map(|info| info.id), Some(held.id), "{what}");
        let Some(expected) = held.byte else { return };
        for page in 0..held.pages {
            for offset in [0, PAGE_BYTES - 1] {
                let mut byte = [0];
                let at = VirtAddr::new(start + page * PAGE_BYTES + offset);
                self.vm.machine().read(at, &mut byte).expect("mapped");
                assert_eq!(byte[0], expected, "{what}: wrong byte at {at:?}");
            }
        }
    }

    /// Frees all and compares with the beginning.
    pub(crate) fn finish(mut self, what: &str) {
        for held in std::mem::take(&mut self.held).into_values() {
            self.vm.vfree(held.id).expect("held");
        }
        self.verify(&mut Random::new(1), true, what);
        let now = self.vm.stats();
        assert_eq!(now.frames_free, self.at_rest.frames_free, "{what}: frames are missing");
        assert_eq!(now.table_pages, self.at_rest.table_pages, "{what}: tables are left");
        assert_eq!(now.pages_free, self.at_rest.pages_free, "{what}: addresses are missing");
    }
}
