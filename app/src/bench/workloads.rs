//! The workloads, and what their loops have in common.

mod change;
mod crowd;
mod map;
mod pairs;

use vmalloc::{Machine, PAGE_BYTES, Region, Vmalloc};

use super::round::{Outcome, Plan};

/// A workload, by its name and bit in Linux's suite, or above those.
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
    Pair,
    ZeroedPair,
    Growth,
    Clear,
}

/// All of them. Those that Linux has besides are about its per-CPU allocator, its RCU and its
/// allocation flags. The last four are no part of its suite.
pub const WORKLOADS: [Workload; 13] = [
    Workload { mask: 1, name: "fix_size_alloc_test", kind: Kind::FixSize },
    Workload { mask: 2, name: "full_fit_alloc_test", kind: Kind::FullFit },
    Workload { mask: 4, name: "long_busy_list_alloc_test", kind: Kind::LongBusyList },
    Workload { mask: 8, name: "random_size_alloc_test", kind: Kind::RandomSize },
    Workload { mask: 16, name: "fix_align_alloc_test", kind: Kind::FixAlign },
    Workload { mask: 32, name: "random_size_align_alloc_test", kind: Kind::RandomSizeAlign },
    Workload { mask: 64, name: "align_shift_alloc_test", kind: Kind::AlignShift },
    Workload { mask: 1024, name: "vm_map_ram_test", kind: Kind::MapRam },
    Workload { mask: 4096, name: "vrealloc_test", kind: Kind::Resize },
    Workload { mask: 1 << 16, name: "pair_test", kind: Kind::Pair },
    Workload { mask: 1 << 17, name: "zeroed_pair_test", kind: Kind::ZeroedPair },
    Workload { mask: 1 << 18, name: "growth_test", kind: Kind::Growth },
    Workload { mask: 1 << 19, name: "clear_test", kind: Kind::Clear },
];

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
                work.measure(|work| work.written_pair(pages))
            }
            Kind::FullFit => work.full_fit(),
            Kind::LongBusyList => work.long_busy_list(),
            Kind::RandomSize => work.measure(Work::random_pair),
            Kind::FixAlign => work.measure(|work| work.aligned_pair(5, pairs::STACK_ALIGN)),
            Kind::RandomSizeAlign => work.measure(Work::random_aligned_pair),
            Kind::AlignShift => work.align_shift(),
            Kind::MapRam => work.map_ram(),
            Kind::Resize => work.measure(|work| work.resize()),
            Kind::Pair => work.measure(|work| work.pair()),
            Kind::ZeroedPair => work.measure(|work| work.zeroed_pair()),
            Kind::Growth => work.measure(|work| work.growth()),
            Kind::Clear => work.clear(),
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
}
