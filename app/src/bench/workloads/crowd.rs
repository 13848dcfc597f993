//! Regions that come and go beside many that stay.

use vmalloc::Machine;

use super::{Refused, Step, Work};
use crate::bench::held::Held;

/// Holes of a page that are made, for each doubling of the CPUs.
const HOLES: u64 = 8192;
/// Pages that live beside a long and a short region.
const BUSY: u64 = 15_000;
/// Pages of the long one.
const LONG: u64 = 100;

impl<M: Machine> Work<M> {
    /// Holes of just a page, and pages that fit in them.
    pub(super) fn full_fit(&mut self) -> Step {
        let doublings = u64::from(u32::BITS - self.vm.machine().count().leading_zeros());
        let pages = self.scale(2 * doublings * HOLES)?;
        let mut stay = Held::new(self.vm);
        let mut go = Held::new(self.vm);
        for _ in 0..pages / 2 {
            self.hold(&mut stay)?;
            self.hold(&mut go)?;
        }
        drop(go);
        self.measure(|work| work.written_pair(1))
    }

    /// Long and short regions beside many that live.
    pub(super) fn long_busy_list(&mut self) -> Step {
        let pages = self.scale(BUSY)?;
        let mut held = Held::new(self.vm);
        for _ in 0..pages {
            self.hold(&mut held)?;
        }
        self.measure(|work| {
            let long = work.allocate(LONG)?;
            let short = work.allocate(1)?;
            work.write(&long, 0)?;
            work.write(&short, 0)
        })
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
}
