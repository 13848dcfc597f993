//! Scenarios that run under callgrind, each in another process of this program.

use crate::churn::{SETTLING, Sizes};
use crate::{mapping, pairs, peers};

/// The option that makes a process run a scenario.
const OPTION: &str = "--scenario";

/// One task, and the allocator that does it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario<'a> {
    /// Replaces areas.
    Addresses { who: &'a str, sizes: Sizes, areas: u32 },
    /// Maps and unmaps.
    Mapping { who: &'a str, pages: u64 },
    /// Allocates and frees.
    Pairs { pages: u64 },
}

impl<'a> Scenario<'a> {
    /// How often the thing is done.
    pub(crate) fn steps(self) -> u64 {
        match self {
            Self::Addresses { .. } | Self::Pairs { .. } => 20_000,
            Self::Mapping { .. } => 200,
        }
    }

    /// The command line of a process that does it.
    pub(crate) fn arguments(self) -> Vec<String> {
        let words = match self {
            Self::Addresses { who, sizes: Sizes { low, high }, areas } => {
                format!("addresses/{who}/{low}/{high}/{areas}")
            }
            Self::Mapping { who, pages } => format!("mapping/{who}/{pages}"),
            Self::Pairs { pages } => format!("pairs/{pages}"),
        };
        vec![OPTION.to_owned(), words]
    }

    /// Reads what [`arguments`](Self::arguments) wrote.
    ///
    /// # Panics
    ///
    /// If the words were not made by [`arguments`](Self::arguments).
    pub(crate) fn from_arguments(arguments: &'a [String]) -> Option<Self> {
        let [option, words] = arguments else { return None };
        if option != OPTION {
            return None;
        }
        let number = |word: &str| word.parse::<u32>().expect("a number");
        Some(match words.split('/').collect::<Vec<_>>()[..] {
            ["addresses", who, low, high, areas] => {
                let sizes = Sizes { low: number(low), high: number(high) };
                Self::Addresses { who, sizes, areas: number(areas) }
            }
            ["mapping", who, pages] => Self::Mapping { who, pages: number(pages).into() },
            ["pairs", pages] => Self::Pairs { pages: number(pages).into() },
            _ => panic!("no scenario is called {words}"),
        })
    }

    /// Prepares the thing, and does it where instructions are counted.
    pub(crate) fn run(self) {
        let steps = self.steps();
        match self {
            Self::Addresses { who, sizes, areas } => {
                let mut state = peers::steady(who, sizes, areas);
                // Not `settle`, which looks at the clock: here everything is slow.
                state.run(u64::from(SETTLING * areas));
                counted_part(&mut || state.run(steps));
            }
            Self::Mapping { who: peers::OURS, pages } => {
                let mut ours = mapping::ours(pages);
                mapping::run_ours(&mut ours, 2);
                counted_part(&mut || mapping::run_ours(&mut ours, steps));
            }
            Self::Mapping { pages, .. } => {
                let mut peer = mapping::Peer::new(pages);
                peer.run(2);
                counted_part(&mut || peer.run(steps));
            }
            Self::Pairs { pages } => {
                let vmalloc = pairs::window(1).expect("one CPU is always allowed");
                let _neighbour = pairs::neighbour(&vmalloc);
                pairs::run(&vmalloc, pages, 20_000);
                counted_part(&mut || pairs::run(&vmalloc, pages, steps));
            }
        }
    }
}

/// Callgrind counts from the call of this function to its return: it is told the name.
#[inline(never)]
fn counted_part(work: &mut dyn FnMut()) {
    work();
    // Not a tail call: the function must still be there when the work is done.
    std::hint::black_box(());
}

/// The name, as the symbol table has it with anything around it.
pub(crate) const COUNTED_PART: &str = "*scenario*counted_part*";
