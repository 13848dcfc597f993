//! The allocator under test, and the model: a list of everything that the allocator has returned.

mod allocate;
mod contents;
mod cpus;
mod deserved;
mod free;
mod invariants;
mod listing;
mod map;
mod protect;
mod resize;
mod tlbs;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::ManuallyDrop;

use vmalloc::sim::SimMachine;
use vmalloc::{
    FlushMode, Frame, Page, PoolMode, Protection, ReallocMode, Region, RegionId, Stats, Vmalloc,
};

use crate::op::Op;
use crate::shape::Shape;
use contents::Contents;
use listing::Listing;
use map::Run;

pub(crate) struct World<'v> {
    vm: &'v Vmalloc<SimMachine>,
    shape: Shape,
    /// The regions that were not freed, by their first address.
    held: BTreeMap<u64, Held>,
    /// The owners of regions that have one. They are not dropped if a test fails, because a drop
    /// would free the region.
    owners: HashMap<RegionId, ManuallyDrop<Region<'v, SimMachine>>>,
    gone: Vec<RegionId>,
    /// Frames that were freed since no area was lazy for the last time.
    waiting: HashSet<Frame>,
    /// Old pages of regions that were moved since no area was lazy for the last time.
    moved: HashMap<Page, RegionId>,
    asleep: Vec<bool>,
    /// The number of times that a CPU has halted.
    sleeps: u64,
    /// The CPU that ignores interrupts, and the number of steps for which it does.
    deaf: Option<(u32, u32)>,
    runs: Vec<Run<'v>>,
    listing: Option<Listing>,
    copies: bool,
    at_rest: Stats,
    steps: u64,
}

struct Held {
    id: RegionId,
    requested: u64,
    protection: Protection,
    align: u64,
    zeroed: bool,
    /// The NUMA node, and whether frames of other nodes are refused.
    node: Option<(u32, bool)>,
    system: bool,
    /// Whether the free of the region was deferred.
    deferred: bool,
    /// The number of the run whose frames the region maps.
    run: Option<usize>,
    /// The rights for which the frames of the run were mapped.
    promised: Option<Protection>,
    frames: Vec<Frame>,
    contents: Vec<Contents>,
}

impl Held {
    fn pages(&self) -> u64 {
        self.frames.len() as u64
    }
}

impl<'v> World<'v> {
    pub(crate) fn new(vm: &'v Vmalloc<SimMachine>, shape: Shape) -> Self {
        Self {
            vm,
            shape,
            held: BTreeMap::new(),
            owners: HashMap::new(),
            gone: Vec::new(),
            waiting: HashSet::new(),
            moved: HashMap::new(),
            asleep: vec![false; shape.cpus as usize],
            sleeps: 0,
            deaf: None,
            runs: Vec::new(),
            listing: None,
            copies: false,
            at_rest: vm.stats(),
            steps: 0,
        }
    }

    /// Applies one operation, and checks all invariants.
    pub(crate) fn step(&mut self, op: &Op) {
        self.apply(op);
        self.steps += 1;
        self.settle();
        self.verify(self.steps.is_multiple_of(64));
        self.tire_of_deafness();
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Allocate(wanted) => self.allocate(&wanted),
            Op::AllocateFailing(wanted, failure) => self.allocate_failing(&wanted, failure),
            Op::Free { which, way } => self.free(which, way),
            Op::Defer { which } => self.defer(which),
            Op::FreeWrongly { which, mistake } => self.free_wrongly(which, mistake),
            Op::ChangeOwner { which } => self.change_owner(which),
            Op::Resize { which, size, way } => self.resize(which, size, way, None),
            Op::ResizeFailing { which, size, way, failure } => {
                self.resize(which, size, way, Some(failure));
            }
            Op::Protect { which, protection } => self.protect(which, protection),
            Op::Map { frames, protection } => self.map(frames, protection),
            Op::Unmap { which, lazily } => self.unmap(which, lazily),
            Op::Sign { which, word } => self.sign(which, word),
            Op::Touch { which, page, cpu } => self.touch(which, page, cpu),
            Op::Purge => self.purge(),
            Op::Reclaim => self.reclaim(),
            Op::FillZeroed { frames } => self.fill_zeroed(frames),
            Op::FlushEagerly(true) => self.vm.modes().set_flush(FlushMode::Eager),
            Op::FlushEagerly(false) => self.vm.modes().set_flush(FlushMode::Lazy),
            Op::Pool(true) => self.vm.modes().set_pools(PoolMode::On),
            Op::Pool(false) => self.vm.modes().set_pools(PoolMode::Off),
            Op::Copy(copies) => {
                self.copies = copies;
                let mode = if copies { ReallocMode::Copy } else { ReallocMode::Move };
                self.vm.modes().set_realloc(mode);
            }
            Op::GoOn { cpu, sleep } => self.go_on(cpu, sleep),
            Op::Acknowledge => self.vm.acknowledge(),
            Op::Deafen { cpu, steps } => self.deafen(cpu, steps),
            Op::List { areas } => self.list(areas),
        }
    }

    fn pick(&self, which: u32) -> Option<u64> {
        let number = which as usize % self.held.len().max(1);
        self.held.keys().nth(number).copied()
    }

    /// Updates the model after purges that the allocator has started itself.
    fn settle(&mut self) {
        self.settle_deferred();
        if self.vm.stats().areas_lazy == 0 {
            self.waiting.clear();
            self.moved.clear();
        }
        self.settle_runs();
        self.settle_listing();
    }

    /// Removes regions from the model whose deferred free has happened.
    fn settle_deferred(&mut self) {
        let freed: Vec<u64> = self
            .held
            .iter()
            .filter(|(_, held)| held.deferred && self.vm.info(held.id).is_err())
            .map(|(start, _)| *start)
            .collect();
        for start in freed {
            self.forget(start);
        }
    }

    /// Removes a freed region from the model.
    fn forget(&mut self, start: u64) -> Held {
        let held = self.held.remove(&start).expect("it was held");
        match held.run {
            Some(run) => self.runs[run].give_back(&held),
            None => self.waiting.extend(&held.frames),
        }
        self.gone.push(held.id);
        held
    }

    fn purge(&mut self) {
        let purged = self.vm.purge();
        let stats = self.vm.stats();
        if self.deaf.is_none() {
            assert_eq!(stats.areas_lazy, 0, "{purged:?}");
            assert!(self.held.values().all(|h| !h.deferred || self.vm.info(h.id).is_err()));
        }
    }

    fn reclaim(&mut self) {
        self.vm.reclaim();
        let stats = self.vm.stats();
        assert_eq!((stats.pages_pooled, stats.frames_zeroed, stats.table_pages_cached), (0, 0, 0));
        assert!(self.deaf.is_some() || stats.areas_lazy == 0);
    }

    fn fill_zeroed(&mut self, frames: u64) {
        let before = self.vm.stats();
        let filled = self.vm.fill_zeroed(frames);
        let after = self.vm.stats();
        assert!(filled <= frames, "{filled} of {frames}");
        assert_eq!(after.frames_zeroed, before.frames_zeroed + filled);
        assert_eq!(after.frames_free, before.frames_free);
    }

    /// Frees all regions, and compares the counters with those at the start.
    pub(crate) fn finish(mut self) {
        self.wake_all();
        let regions: Vec<(u64, RegionId)> = self.held.iter().map(|(s, h)| (*s, h.id)).collect();
        for (start, id) in regions {
            match self.owners.remove(&id) {
                Some(owner) => drop(ManuallyDrop::into_inner(owner)),
                None if self.held[&start].deferred => {}
                None => assert_eq!(self.vm.vfree(id).map(|info| info.id), Ok(id)),
            }
        }
        self.vm.reclaim();
        self.held.clear();
        self.settle();
        self.verify(true);
        let (now, then) = (self.vm.stats(), &self.at_rest);
        let frames = now.frames_free + now.frames_heap;
        assert_eq!(frames, then.frames_free, "frames are missing");
        assert_eq!(now.table_pages, then.table_pages, "tables are left");
        assert_eq!(now.pages_free, then.pages_free, "addresses are missing");
    }
}
