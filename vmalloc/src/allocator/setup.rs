//! Sets a window up: carves the records of the crate out of the memory, and links the level-3
//! tables.

use super::capacity::Capacity;
use crate::area::areas::{LENGTH_MIN, POOL_LENGTH_MAX, SHELF_LENGTH_MAX};
use crate::area::node::Node;
use crate::area::pool::Pool;
use crate::area::{Areas, FreeTree};
use crate::error::SetupError;
use crate::frame::buddy::{Buddy, ORDER_MAX};
use crate::frame::magazine::Magazine;
use crate::frame::meta::FrameMeta;
use crate::frame::runs::MemoryRuns;
use crate::frame::{FrameIndex, FrameRange, FrameState, Frames};
use crate::id::REGIONS_MAX;
use crate::machine::{CPUS_MAX, Machine};
use crate::page::{Frame, PAGE_BYTES, PageRange};
use crate::paging::records;
use crate::paging::records::{Middle, Records};
use crate::paging::{Stash, Tables};
use crate::raw::{Slab, Zeroable};
use crate::region::lazy::LazyList;
use crate::region::lazy_budget::LazyBudget;
use crate::region::slot::Slot;
use crate::region::slots::Slots;
use crate::stats::Tally;
use crate::sync::AtomicU32;
use crate::tlb::Coherence;
use crate::tlb::cpu_state::CpuState;

/// The default number of frames for each slot. Regions have 64 pages on average then, if all memory
/// is mapped.
const FRAMES_PER_SLOT: u64 = 64;

/// The lowest default number of slots, unless there are fewer frames.
const SLOTS_MIN: u64 = 4_096;

/// The addresses and the memory of a window.
///
/// # Examples
///
/// ```
/// use vmalloc::{sim, Config, Frame, FrameRange};
/// use x86_64::PhysAddr;
///
/// let start = Frame::containing_address(PhysAddr::new(0x10_0000));
/// let memory = [FrameRange { start, count: 1_000, node: 0 }];
/// let config = Config { regions: 500, reserve: 16, ..Config::new(sim::window(1 << 20), &memory) };
/// assert_eq!(config.memory.len(), 1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// The addresses that the crate owns, in the higher half. The crate takes every level-4 entry
    /// that the window touches, so the window should cover whole level-4 entries.
    pub window: PageRange,
    /// The free memory: runs in any order, which do not overlap and which no other code uses. Runs
    /// without frames are ignored. The records of the crate are taken out of the longest run: 12
    /// bytes for each frame between the lowest and the highest one, 104 bytes for each region, and
    /// 16 bytes for each GiB of the window. The lowest and the highest frame are less than 8 TiB
    /// apart.
    pub memory: &'a [FrameRange],
    /// The highest number of slots, which busy regions, lazy areas and areas in pools need. At most
    /// [`REGIONS_MAX`]. 0 means one slot for each 64 frames of `memory`, or 4,096 slots if that is
    /// more, but at most one for each frame. For 64 GiB these are 262,144 slots with 26 MiB of
    /// records. A kernel with mostly small regions, such as stacks, should choose the number.
    pub regions: u32,
    /// The number of frames that are reserved for page tables and for requests with
    /// [`Request::with_reserve`].
    ///
    /// [`Request::with_reserve`]: crate::Request::with_reserve
    pub reserve: u64,
}

impl<'a> Config<'a> {
    /// Creates a configuration with the default number of slots and without a reserve.
    #[must_use]
    pub fn new(window: PageRange, memory: &'a [FrameRange]) -> Self {
        Self { window, memory, regions: 0, reserve: 0 }
    }

    fn runs(&self) -> MemoryRuns<'a> {
        MemoryRuns::new(self.memory)
    }

    fn region_limit(&self) -> u32 {
        let frames = self.runs().frames();
        let wanted = match self.regions {
            0 => (frames / FRAMES_PER_SLOT).max(SLOTS_MIN).min(frames),
            chosen => u64::from(chosen),
        };
        u32::try_from(wanted).unwrap_or(REGIONS_MAX).min(REGIONS_MAX)
    }
}

/// Allocates the frames of the records from one run, one slab after the other.
struct Carver<'m, M> {
    machine: &'m M,
    next: Frame,
}

impl<M: Machine> Carver<'_, M> {
    fn run<T>(&mut self, length: usize) -> Frame {
        let first = self.next;
        self.next += Slab::<T>::frames_for(length);
        first
    }

    fn zeroed<T: Zeroable>(&mut self, length: usize) -> Slab<T> {
        let first = self.run::<T>(length);
        Slab::carve(self.machine, first, length)
    }

    fn made<T>(&mut self, length: usize, make: impl Fn(usize) -> T) -> Slab<T> {
        let first = self.run::<T>(length);
        Slab::carve_with(self.machine, first, length, make)
    }
}

/// The number of records of each kind.
struct Sizes {
    frames: usize,
    regions: u32,
    cpus: usize,
    /// The number of lengths for which the shelf has a stack.
    shelf: usize,
    /// The number of GiB that the window touches.
    gibs: usize,
}

impl Sizes {
    fn new<M: Machine>(machine: &M, config: &Config<'_>) -> Self {
        let window = config.window.count().get();
        let longest = Areas::limit(window, 0, 1).pages.min(SHELF_LENGTH_MAX);
        Self {
            frames: usize::try_from(config.runs().span().1).expect("the memory has addresses"),
            regions: config.region_limit(),
            cpus: machine.count() as usize,
            shelf: usize::try_from(longest.saturating_sub(POOL_LENGTH_MAX)).unwrap_or(0),
            gibs: records::gibs(config.window),
        }
    }

    /// Returns the number of frames that all records take.
    fn needed(&self) -> u64 {
        Slab::<FrameMeta>::frames_for(self.frames)
            + Slab::<Slot>::frames_for(self.regions as usize)
            + Slab::<Node>::frames_for(FreeTree::nodes(self.regions))
            + Slab::<Magazine>::frames_for(self.cpus)
            + Slab::<LazyList>::frames_for(self.cpus)
            + Slab::<CpuState>::frames_for(self.cpus)
            + Slab::<Tally>::frames_for(self.cpus)
            + Slab::<Pool>::frames_for(self.cpus)
            + Slab::<u32>::frames_for(POOL_SIZES) * self.cpus as u64
            + Slab::<u32>::frames_for(self.shelf)
            + Slab::<AtomicU32>::frames_for(2 * self.gibs)
            + Slab::<Middle>::frames_for(self.gibs)
    }
}

/// The number of lengths for which the pool of a CPU has a stack.
#[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
const POOL_SIZES: usize = (POOL_LENGTH_MAX - LENGTH_MIN + 1) as usize;

/// The results of set-up, from which a [`Core`](super::parts::Core) is made.
pub(crate) struct Parts {
    pub(crate) frames: Frames,
    pub(crate) areas: Areas,
    pub(crate) tables: Tables,
    pub(crate) tlb: Coherence,
    pub(crate) lazies: Slab<LazyList>,
    pub(crate) lazy_budget: LazyBudget,
    pub(crate) tallies: Slab<Tally>,
    pub(crate) capacity: Capacity,
    pub(crate) frames_total: u64,
    pub(crate) frames_slabs: u64,
}

/// Carves the records, frees the rest of the memory, and links the level-3 tables of the window.
pub(crate) fn set_up<M: Machine>(machine: &M, config: &Config<'_>) -> Result<Parts, SetupError> {
    check(machine, config)?;
    let sizes = Sizes::new(machine, config);
    let needed = sizes.needed();
    let runs = config.runs();
    let home = runs.longest();
    let longest = home.map_or(0, |run| run.count);
    let Some(home) = home.filter(|run| run.count > needed) else {
        return Err(SetupError::Memory { needed, longest });
    };

    let mut carver = Carver { machine, next: home.start };
    let metas = carver.zeroed::<FrameMeta>(sizes.frames);
    let buddy = hand_over(metas, runs, home.start, needed);
    let slots = Slots::new(carver.zeroed::<Slot>(sizes.regions as usize));
    let start = config.window.address().as_u64() / PAGE_BYTES;
    let window = config.window.count().get();
    let tree = carver.zeroed::<Node>(FreeTree::nodes(sizes.regions));
    let tree = FreeTree::new(tree, start, window);
    let magazines = carver.made(sizes.cpus, |_| Magazine::new());
    let lazy_budget = LazyBudget::new(machine.count(), config.runs().frames());
    let lazies = carver.made(sizes.cpus, |_| LazyList::new(lazy_budget.share()));
    let me = machine.current().0 as usize;
    // All other CPUs count as not started until they call `leave_idle`.
    let states = carver.made(sizes.cpus, |cpu| CpuState::new(cpu == me));
    let tallies = carver.made(sizes.cpus, |_| Tally::default());
    let areas = make_areas(&mut carver, &sizes, tree, slots, window);

    let parts = carver.zeroed::<AtomicU32>(2 * sizes.gibs);
    let records = Records::new(config.window, parts, carver.zeroed::<Middle>(sizes.gibs));
    let tables = Tables::new(machine.root(), config.window, records);
    let upper = Tables::upper_entries(config.window).len() as u64;
    let mut stash = Stash { plain: buddy.take(home.node as usize, upper), ..Stash::new() };
    if stash.count() < upper {
        let needed = needed + upper;
        return Err(SetupError::Memory { needed, longest });
    }
    tables
        .make_upper(machine, &buddy, &mut stash)
        .map_err(|address| SetupError::Occupied { address: address.as_u64() })?;
    Ok(Parts {
        frames: Frames::new(buddy, magazines, runs.frames(), runs.nodes()),
        areas,
        tables,
        tlb: Coherence::new(states),
        lazies,
        lazy_budget,
        tallies,
        capacity: Capacity::of(free_runs(runs, home.start, needed)).without(home.node, upper),
        frames_total: runs.frames(),
        frames_slabs: needed,
    })
}

/// Frees all memory but the first `slabs` frames from `home` on, which the records have.
fn hand_over(metas: Slab<FrameMeta>, runs: MemoryRuns<'_>, home: Frame, slabs: u64) -> Buddy {
    let buddy = Buddy::new(runs.span().0, metas);
    // The records contain zeros, which means node 0.
    for run in runs.iter().filter(|run| run.node != 0) {
        for offset in 0..run.count {
            let frame = buddy.index(run.start + offset).expect("the memory lies in the span");
            buddy.meta(frame).set_node(run.node);
        }
    }
    for offset in 0..slabs {
        let frame = buddy.index(home + offset).expect("the records lie in the span");
        buddy.meta(frame).set_state(FrameState::Slab);
    }
    for run in free_runs(runs, home, slabs) {
        free_run(&buddy, run.start, run.count);
    }
    buddy
}

/// Iterates over the runs without the first `slabs` frames from `home` on.
fn free_runs(
    runs: MemoryRuns<'_>,
    home: Frame,
    slabs: u64,
) -> impl Iterator<Item = FrameRange> + Clone + '_ {
    runs.iter().map(move |run| {
        let slabs = if run.start == home { slabs } else { 0 };
        FrameRange { start: run.start + slabs, count: run.count - slabs, ..*run }
    })
}

fn make_areas<M: Machine>(
    carver: &mut Carver<'_, M>,
    sizes: &Sizes,
    tree: FreeTree,
    slots: Slots,
    window: u64,
) -> Areas {
    let limit = Areas::limit(window, sizes.regions, sizes.cpus as u64);
    // The stacks of each pool are in frames of their own, one pool after the other.
    let first = carver.next;
    carver.next += Slab::<u32>::frames_for(POOL_SIZES) * sizes.cpus as u64;
    let machine = carver.machine;
    let pools = carver.made(sizes.cpus, |cpu| {
        let home = first + Slab::<u32>::frames_for(POOL_SIZES) * cpu as u64;
        Pool::new(LENGTH_MIN, Slab::carve(machine, home, POOL_SIZES), limit)
    });
    let shelf = carver.zeroed::<u32>(sizes.shelf);
    let limit = Areas::limit(window, sizes.regions, 1);
    Areas::new(tree, slots, pools, Pool::new(POOL_LENGTH_MAX + 1, shelf, limit))
}

fn check<M: Machine>(machine: &M, config: &Config<'_>) -> Result<(), SetupError> {
    let window = config.window;
    let (start, bytes) = (window.address().as_u64(), window.count().bytes());
    if bytes == 0 || start >> 63 == 0 {
        return Err(SetupError::Window { start, bytes });
    }
    if machine.count() > CPUS_MAX {
        return Err(SetupError::Cpus { count: machine.count(), limit: CPUS_MAX });
    }
    config.runs().check()
}

/// Frees a run of frames, in the largest blocks that the alignment of its ends allows.
fn free_run(frames: &Buddy, start: Frame, count: u64) {
    let mut here: FrameIndex = frames.index(start).expect("the memory lies in the span");
    let mut left = count;
    while left > 0 {
        let aligned = if here.0 == 0 { ORDER_MAX } else { here.0.trailing_zeros() };
        let order = aligned.min(left.ilog2()).min(ORDER_MAX);
        frames.put_block(here, order);
        here.0 += 1 << order;
        left -= 1 << order;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paging;
    use crate::raw;
    use crate::sim;
    use crate::sim::SimMachine;
    use core::sync::atomic::Ordering;

    #[test]
    fn an_upper_entry_that_is_taken_is_left_alone() {
        let machine = SimMachine::new(64, 1);
        let memory = machine.memory();
        let window = sim::window(8);
        let first = set_up(&machine, &Config::new(window, &memory)).unwrap();
        let before = paging::lookup::walk(&first.tables, &machine, window.address()).entries[0];
        let second = set_up(&machine, &Config::new(window, &memory)).err();
        let address = window.address().as_u64() >> 39 << 39;
        assert_eq!(second, Some(SetupError::Occupied { address }));
        assert_eq!(
            paging::lookup::walk(&first.tables, &machine, window.address()).entries[0],
            before
        );
    }

    #[test]
    fn the_default_is_a_slot_for_64_frames_within_limits() {
        let start = Frame::containing_address(x86_64::PhysAddr::new(0x10_0000));
        let limit = |count, regions| {
            let memory = [FrameRange { start, count, node: 0 }];
            Config { regions, ..Config::new(sim::window(8), &memory) }.region_limit()
        };
        let (gib, tib) = (1 << 18, 1 << 28);
        assert_eq!(
            [0, 1, 600, 4_096, 10_000].map(|count| limit(count, 0)),
            [0, 1, 600, 4_096, 4_096]
        );
        assert_eq!((limit(gib, 0), limit(64 * gib, 0)), (4_096, 262_144));
        assert_eq!((limit(tib, 0), limit(8 * tib, 0)), (1 << 22, REGIONS_MAX));
        assert_eq!((limit(600, 7), limit(gib, u32::MAX)), (7, REGIONS_MAX));
    }

    #[test]
    fn a_list_that_is_refused_changes_nothing() {
        let machine = SimMachine::new(64, 1);
        let [all] = machine.memory().try_into().unwrap();
        let runs = [all, FrameRange { start: all.start + 60, count: 9, ..all }];
        let words = |frame| {
            let words = raw::words(&machine, frame).iter();
            words.map(|word| word.load(Ordering::Relaxed)).collect::<std::vec::Vec<_>>()
        };
        let before = [machine.root(), all.start, all.start + 1].map(words);
        let error = set_up(&machine, &Config::new(sim::window(8), &runs)).err();
        assert!(matches!(error, Some(SetupError::Run { index: 1, .. })), "{error:?}");
        assert_eq!([machine.root(), all.start, all.start + 1].map(words), before);
    }
}
