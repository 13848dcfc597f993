//! The steady state of an allocator: a fixed number of areas is allocated, and each step replaces a
//! random one of them.

use std::time::Instant;

use crate::random::Random;
use crate::timing;

/// An allocator of runs of page numbers.
pub(crate) trait AddressAllocator {
    /// The handle by which a run is freed.
    type Area: Copy;

    fn take(&mut self, pages: u32) -> Option<Self::Area>;

    fn put(&mut self, area: Self::Area);

    /// Returns the number of the first page of a run, if the allocator has real runs.
    fn start(area: Self::Area) -> Option<u64>;
}

/// An allocator without addresses, to measure the loop itself with areas of the same lengths.
#[derive(Debug)]
pub(crate) struct Nothing;

impl AddressAllocator for Nothing {
    type Area = [u64; 2];

    fn take(&mut self, pages: u32) -> Option<[u64; 2]> {
        Some([u64::from(pages); 2])
    }

    fn put(&mut self, area: [u64; 2]) {
        std::hint::black_box(area);
    }

    fn start(_area: [u64; 2]) -> Option<u64> {
        None
    }
}

/// A range of lengths in pages, all equally likely.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) low: u32,
    pub(crate) high: u32,
}

impl Sizes {
    fn next(self, random: &mut Random) -> u32 {
        self.low + random.below(self.high - self.low + 1)
    }
}

/// The error of an allocator that is too slow to be measured further.
pub(crate) struct TooSlow;

/// The steady state of one allocator.
pub(crate) trait Steady {
    /// Replaces `steps` areas.
    fn run(&mut self, steps: u64);

    /// Replaces areas until the free runs are in the steady state.
    fn settle(&mut self) -> Result<(), TooSlow>;

    /// Compares the lengths of the areas with those that the same steps must leave, and asserts
    /// that no areas overlap.
    fn verify(&self);
}

/// Above this number of nanoseconds for a pair, an allocator is not measured further.
const SLOW: f64 = 20_000.0;

/// The number of adjacent parts of the settling that must be slow: a single slow part may be caused
/// by the host.
const SLOW_PARTS: u32 = 3;

/// The average number of times that each area is replaced until the free runs are in a steady
/// state.
pub(crate) const SETTLING: u32 = 3;

/// An allocator and its living areas.
#[derive(Debug)]
pub(crate) struct Churn<A: AddressAllocator> {
    allocator: A,
    live: Vec<(A::Area, u32)>,
    random: Random,
    sizes: Sizes,
    steps: u64,
}

impl<A: AddressAllocator> Churn<A> {
    /// Takes `areas` areas.
    pub(crate) fn new(mut allocator: A, sizes: Sizes, areas: u32) -> Self {
        let mut random = Random::new(u64::from(areas));
        let mut take = |_| {
            let pages = sizes.next(&mut random);
            (allocator.take(pages).expect("addresses ran out"), pages)
        };
        let live = (0..areas).map(&mut take).collect();
        Self { allocator, live, random, sizes, steps: 0 }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.live.len()).expect("it was made from that number")
    }
}

impl<A: AddressAllocator> Steady for Churn<A> {
    fn run(&mut self, steps: u64) {
        let count = self.count();
        for _ in 0..steps {
            let at = self.random.below(count) as usize;
            let pages = self.sizes.next(&mut self.random);
            self.allocator.put(self.live[at].0);
            let area = self.allocator.take(pages).expect("addresses ran out");
            self.live[at] = (area, pages);
        }
        self.steps += steps;
    }

    fn settle(&mut self) -> Result<(), TooSlow> {
        let part = u64::from(self.count()).div_ceil(100);
        let mut slow = 0;
        for _ in 0..100 * SETTLING {
            let start = Instant::now();
            self.run(part);
            let is_slow = timing::per_step(start.elapsed(), part) > SLOW;
            slow = if is_slow { slow + 1 } else { 0 };
            if slow == SLOW_PARTS {
                return Err(TooSlow);
            }
        }
        Ok(())
    }

    fn verify(&self) {
        let mut replay = Churn::new(Nothing, self.sizes, self.count());
        replay.run(self.steps);
        let mut runs = Vec::new();
        for ((area, pages), (_, expected)) in self.live.iter().zip(&replay.live) {
            assert_eq!(pages, expected, "another area was replaced");
            runs.extend(A::start(*area).map(|start| (start, start + u64::from(*pages))));
        }
        runs.sort_unstable();
        let overlap = runs.windows(2).find(|pair| pair[0].1 > pair[1].0);
        assert_eq!(overlap, None, "two areas share pages");
    }
}
