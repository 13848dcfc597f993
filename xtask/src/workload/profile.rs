//! Chooses the mix of requests of a client.

use clap::ValueEnum;

use super::random::Random;

/// The mix of requests that each client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Allocates a region and frees it again.
    AllocFree,
    /// Keeps about 16 regions of each client alive, and replaces them in random order.
    Churn,
    /// Changes the sizes of long-lived regions.
    Resize,
    /// Writes and reads long-lived regions.
    ReadWrite,
    /// All of the other profiles together.
    Mixed,
}

/// The operation of the next request. All operations except an allocation use a region of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Allocates a region.
    Allocate,
    /// Frees a region.
    Free,
    /// Reads a piece of a region.
    Read,
    /// Rewrites a region.
    Write,
    /// Resizes a region.
    Resize,
}

/// The numbers of regions that a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// All regions.
    pub(crate) all: usize,
    /// Number of regions that have no request in flight.
    pub(crate) resting: usize,
}

/// The percentages of reads, writes and resizes among the requests. All other requests allocate and free
/// regions, so that about `regions` regions stay allocated.
#[derive(Clone, Copy, Debug)]
struct Parts {
    reads: u64,
    writes: u64,
    resizes: u64,
    regions: usize,
}

impl Profile {
    /// Returns the name of the profile on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AllocFree => "alloc-free",
            Self::Churn => "churn",
            Self::Resize => "resize",
            Self::ReadWrite => "read-write",
            Self::Mixed => "mixed",
        }
    }

    fn parts(self) -> Parts {
        let (reads, writes, resizes, regions) = match self {
            Self::AllocFree => (0, 0, 0, 0),
            Self::Churn => (0, 0, 0, 16),
            Self::Resize => (10, 10, 70, 4),
            Self::ReadWrite => (45, 45, 0, 4),
            Self::Mixed => (20, 20, 15, 8),
        };
        Parts { reads, writes, resizes, regions }
    }

    /// Returns whether some regions get names.
    pub(crate) fn gives_names(self) -> bool {
        self == Self::Mixed
    }

    /// Chooses the next operation. An operation on a region is chosen only if the client has an idle region.
    pub(crate) fn choose(self, held: Held, can_resize: bool, random: &mut Random) -> Operation {
        let parts = self.parts();
        if held.resting == 0 {
            return Operation::Allocate;
        }
        let resizes = if can_resize { parts.resizes } else { 0 };
        let die = random.below(100);
        if die < parts.reads {
            Operation::Read
        } else if die < parts.reads + parts.writes {
            Operation::Write
        } else if die < parts.reads + parts.writes + resizes {
            Operation::Resize
        } else {
            parts.come_or_go(held, random)
        }
    }
}

impl Parts {
    /// Chooses between an allocation and a free. An allocation is certain without regions, becomes less
    /// likely with each region, and is impossible at twice the target number.
    fn come_or_go(&self, held: Held, random: &mut Random) -> Operation {
        let place = random.below(2 * self.regions as u64);
        if place >= held.all as u64 && self.regions > 0 {
            Operation::Allocate
        } else {
            Operation::Free
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simulates a client whose requests are answered immediately. Returns how often each operation was
    /// chosen, and the maximum number of regions.
    fn follow(profile: Profile, can_resize: bool) -> ([u32; 5], usize) {
        let mut random = Random::new(3, 0);
        let (mut counts, mut all, mut most) = ([0; 5], 0, 0);
        for _ in 0..10_000 {
            let choice = profile.choose(Held { all, resting: all }, can_resize, &mut random);
            let index = match choice {
                Operation::Allocate => 0,
                Operation::Free => 1,
                Operation::Read => 2,
                Operation::Write => 3,
                Operation::Resize => 4,
            };
            counts[index] += 1;
            all = all + usize::from(index == 0) - usize::from(index == 1);
            most = most.max(all);
        }
        (counts, most)
    }

    #[test]
    fn without_an_idle_region_only_allocations_are_chosen() {
        let mut random = Random::new(1, 0);
        for profile in Profile::value_variants() {
            for all in [0, 40] {
                let choice = profile.choose(Held { all, resting: 0 }, true, &mut random);
                assert_eq!(choice, Operation::Allocate, "{profile:?}");
            }
        }
    }

    #[test]
    fn profiles_match_their_names() {
        assert_eq!(follow(Profile::AllocFree, true), ([5000, 5000, 0, 0, 0], 1));
        let ([allocates, frees, reads, writes, resizes], most) = follow(Profile::Churn, true);
        assert_eq!((reads, writes, resizes), (0, 0, 0));
        assert!(allocates.abs_diff(frees) < 40 && (16..=32).contains(&most), "{most}");
        assert!(follow(Profile::Resize, true).0[4] > 6000);
        assert_eq!(follow(Profile::Mixed, false).0[4], 0);
        assert!(follow(Profile::Mixed, true).0.iter().all(|count| *count > 1000));
        let ([_, _, reads, writes, _], most) = follow(Profile::ReadWrite, true);
        assert!(reads > 4000 && writes > 4000 && most <= 8);
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for profile in Profile::value_variants() {
            let typed = profile.to_possible_value().unwrap();
            assert_eq!(typed.get_name(), profile.name());
        }
    }
}
