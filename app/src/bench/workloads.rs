//! The workloads.

#![expect(unsafe_code, reason = "maps frames a second time")]

use arrayvec::ArrayVec;
use vmalloc::{Frame, Machine, PAGE_BYTES, Protection, Region, Request, Resize, Vmalloc};

use super::held::Held;
use super::round::{Outcome, Plan};

/// A workload, by its name and bit in Linux's suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its bit.
    pub mask: u32,
    /// Its name.
    pub name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    FixSize,
    FullFit,
    LongBusyList,
    RandomSize,
    FixAlign,
    RandomSizeAlign,
    AlignShift,
    MapRam,
    Resize,
}

/// All of them. Those that Linux has besides are about its per-CPU allocator, its RCU and its
/// allocation flags.
pub const WORKLOADS: [Workload; 9] = [
    Workload { mask: 1, name: "fix_size_alloc_test", kind: Kind::FixSize },
    Workload { mask: 2, name: "full_fit_alloc_test", kind: Kind::FullFit },
    Workload { mask: 4, name: "long_busy_list_alloc_test", kind: Kind::LongBusyList },
    Workload { mask: 8, name: "random_size_alloc_test", kind: Kind::RandomSize },
    Workload { mask: 16, name: "fix_align_alloc_test", kind: Kind::FixAlign },
    Workload { mask: 32, name: "random_size_align_alloc_test", kind: Kind::RandomSizeAlign },
    Workload { mask: 64, name: "align_shift_alloc_test", kind: Kind::AlignShift },
    Workload { mask: 1024, name: "vm_map_ram_test", kind: Kind::MapRam },
    Workload { mask: 4096, name: "vrealloc_test", kind: Kind::Resize },
];

/// Holes of a page that [`Kind::FullFit`] makes, for each doubling of the CPUs.
const HOLES: u64 = 8192;
/// Pages that [`Kind::LongBusyList`] holds.
const BUSY: u64 = 15_000;
/// Twice the alignment of a stack.
const STACK_ALIGN: u64 = 32 << 10;
/// The most frames that are mapped a second time.
const FRAMES_MAX: usize = 512;
/// Loops between two looks at the clock.
const LOOPS_TIMED: u64 = 16;

/// Something was refused.
struct Refused;

type Step = Result<(), Refused>;

impl<E: core::error::Error> From<E> for Refused {
    fn from(_error: E) -> Self {
        Self
    }
}

/// One CPU's part in a round.
pub(super) struct Work<M: Machine + 'static> {
    vm: &'static Vmalloc<M>,
    plan: Plan,
    /// Frames that were free before the round.
    free: u64,
    random: u64,
    pub(super) outcome: Outcome,
}

impl Workload {
    /// Runs it. What it says is in the work's outcome.
    pub(super) fn run<M: Machine>(self, work: &mut Work<M>) {
        let result = match self.kind {
            Kind::FixSize => {
                let pages = work.plan.pages;
                work.measure(|work| work.pair(pages))
            }
            Kind::FullFit => work.full_fit(),
            Kind::LongBusyList => work.long_busy_list(),
            Kind::RandomSize => work.measure(|work| {
                let pages = 1 + work.random() % 100;
                work.pair(pages)
            }),
            Kind::FixAlign => work.measure(|work| work.aligned_pair(5, STACK_ALIGN)),
            Kind::RandomSizeAlign => work.measure(|work| {
                let byte = work.random() % 256;
                work.aligned_pair(byte % 10 + 1, 1 << (byte % 23))
            }),
            Kind::AlignShift => work.align_shift(),
            Kind::MapRam => work.map_ram(),
            Kind::Resize => work.measure(Work::resize),
        };
        work.outcome.failed = result.is_err();
    }
}

impl<M: Machine> Work<M> {
    pub(super) fn new(vm: &'static Vmalloc<M>, plan: Plan, free: u64, cpu: u64) -> Self {
        let outcome = Outcome { scale: 100, ..Outcome::default() };
        Self { vm, plan, free, random: cpu + 1, outcome }
    }

    /// A number that nobody needs to guess: each CPU has its own row of them, the same every time.
    fn random(&mut self) -> u64 {
        // Marsaglia, "Xorshift RNGs".
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    /// Runs the loop, as often as planned or as long as it may.
    fn measure(&mut self, mut step: impl FnMut(&mut Self) -> Step) -> Step {
        let start_us = (self.plan.clock)();
        let mut result = Ok(());
        while self.outcome.loops < self.plan.loops {
            result = step(self);
            if result.is_err() {
                break;
            }
            self.outcome.loops += 1;
            let is_over = || (self.plan.clock)() - start_us > self.plan.us;
            if self.outcome.loops.is_multiple_of(LOOPS_TIMED) && is_over() {
                break;
            }
        }
        self.outcome.us = (self.plan.clock)() - start_us;
        result
    }

    fn allocate(&self, pages: u64) -> Result<Region<'static, M>, Refused> {
        Ok(self.vm.vmalloc(pages * PAGE_BYTES)?)
    }

    fn write(&self, region: &Region<'_, M>, byte: u8) -> Step {
        self.vm.machine().write(region.address(), &[byte]).map_err(|_fault| Refused)
    }

    fn pair(&self, pages: u64) -> Step {
        let region = self.allocate(pages)?;
        self.write(&region, 0)
    }

    fn aligned_pair(&self, pages: u64, align: u64) -> Step {
        let request = Request::try_new(pages * PAGE_BYTES)?.zeroed().align(align)?;
        drop(self.vm.allocate(&request)?);
        Ok(())
    }

    /// As many of `wanted` pages as there is memory for, if that is a quarter at least.
    fn scale(&mut self, wanted: u64) -> Result<u64, Refused> {
        let share = self.free * 3 / 4 / u64::from(self.plan.cpus);
        let pages = wanted.min(share);
        self.outcome.scale = pages * 100 / wanted;
        if pages * 4 < wanted { Err(Refused) } else { Ok(pages) }
    }

    fn hold(&self, held: &mut Held<M>) -> Step {
        if held.push(self.allocate(1)?) { Ok(()) } else { Err(Refused) }
    }

    /// Holes of just a page, and pages that fit in them.
    fn full_fit(&mut self) -> Step {
        let doublings = u64::from(u32::BITS - self.vm.machine().count().leading_zeros());
        let pages = self.scale(2 * doublings * HOLES)?;
        let mut stay = Held::new(self.vm);
        let mut go = Held::new(self.vm);
        for _ in 0..pages / 2 {
            self.hold(&mut stay)?;
            self.hold(&mut go)?;
        }
        drop(go);
        self.measure(|work| work.pair(1))
    }

    /// Long and short regions beside many that live.
    fn long_busy_list(&mut self) -> Step {
        let pages = self.scale(BUSY)?;
        let mut held = Held::new(self.vm);
        for _ in 0..pages {
            self.hold(&mut held)?;
        }
        self.measure(|work| {
            let long = work.allocate(100)?;
            let short = work.allocate(1)?;
            work.write(&long, 0)?;
            work.write(&short, 0)
        })
    }

    /// Every power of two as an alignment: the large ones must be refused.
    fn align_shift(&mut self) -> Step {
        let mut shift = 0;
        let loops = core::mem::replace(&mut self.plan.loops, 64);
        let result = self.measure(|work| {
            shift += 1;
            work.aligned_pair(1, 1 << (shift - 1))
        });
        self.plan.loops = loops;
        result
    }

    /// Frames that are mapped a second time for a moment.
    fn map_ram(&mut self) -> Step {
        let region = self.allocate(self.plan.pages.min(FRAMES_MAX as u64))?;
        let physical = region.range().pages().map(|page| self.vm.translate(page.start_address()));
        let frames: ArrayVec<Frame, FRAMES_MAX> =
            physical.flatten().map(Frame::containing_address).collect();
        self.measure(|work| {
            // SAFETY: the frames are `region`'s, which lives until the loop is over; nobody refers to
            // its bytes, and what is unmapped lazily is flushed before they are anybody else's.
            let map = unsafe { work.vm.vmap(&frames, Protection::ReadWrite, "bench") }?;
            work.write(&map, b'a')?;
            // The frames stay ours.
            let _ticket = work.vm.vunmap_lazy(map);
            Ok(())
        })
    }

    /// Growth and shrinking by which the first byte lives.
    fn resize(&mut self) -> Step {
        let mut region = self.allocate(1)?;
        self.write(&region, b'a')?;
        for bytes in [4 * PAGE_BYTES, PAGE_BYTES, PAGE_BYTES / 2, PAGE_BYTES] {
            region.resize(&Resize::to(bytes))?;
            let mut byte = [0];
            let read = self.vm.machine().read(region.address(), &mut byte);
            if read.is_err() || byte != *b"a" {
                return Err(Refused);
            }
        }
        Ok(())
    }
}
