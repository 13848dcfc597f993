//! Set-up: where the window lies, and what the crate keeps for itself.
#![expect(unsafe_code, reason = "the memory that is handed over must be free")]

use x86_64::PhysAddr;

use crate::allocator::Vmalloc;
use crate::area::FreeTree;
use crate::error::SetupError;
use crate::frame::buddy::ORDER_MAX;
use crate::frame::meta::FrameMeta;
use crate::frame::{Buddy, FrameIndex, FrameRange, FrameState};
use crate::machine::Machine;
use crate::page::{Frame, PAGE_BYTES, PageRange};
use crate::paging::Tables;
use crate::raw::Slab;
use crate::region::REGIONS_MAX;
use crate::region::slot::Slot;
use crate::region::slots::Slots;
use crate::tlb::CPUS_MAX;

/// What a kernel decides when it sets the window up.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// The addresses that the crate owns, in the higher half. Whole level-4 entries are best: the
    /// crate takes every level-4 entry that the window touches.
    pub window: PageRange,
    /// Free memory. The runs do not overlap and belong to nobody else.
    pub memory: &'a [FrameRange],
    /// How many regions may live at once; 0 means one for each frame of `memory`.
    pub regions: u32,
    /// Frames that only tables, and requests that say so, may take.
    pub reserve: u64,
}

impl<'a> Config<'a> {
    /// As many regions as frames, and no reserve.
    #[must_use]
    pub fn new(window: PageRange, memory: &'a [FrameRange]) -> Self {
        Self { window, memory, regions: 0, reserve: 0 }
    }

    fn frames(&self) -> u64 {
        self.memory.iter().map(|run| run.count).sum()
    }

    fn region_limit(&self) -> u32 {
        let wanted = if self.regions == 0 { self.frames() } else { u64::from(self.regions) };
        u32::try_from(wanted).unwrap_or(REGIONS_MAX).min(REGIONS_MAX)
    }

    /// The lowest frame, rounded down to the largest block, and the frames up to the highest.
    fn span(&self) -> (Frame, u64) {
        let numbers = |run: &FrameRange| run.start.start_address().as_u64() / PAGE_BYTES;
        let first = self.memory.iter().map(numbers).min().unwrap_or(0) >> ORDER_MAX << ORDER_MAX;
        let end = self.memory.iter().map(|run| numbers(run) + run.count).max().unwrap_or(0);
        let base = Frame::containing_address(PhysAddr::new(first * PAGE_BYTES));
        (base, end.saturating_sub(first))
    }
}

/// Hands out the frames of the run that the records are carved from, one slab after the other.
struct Carver {
    next: Frame,
}

impl Carver {
    fn run<T: crate::raw::Zeroable>(&mut self, length: usize) -> Frame {
        let first = self.next;
        self.next += Slab::<T>::frames(length);
        first
    }
}

/// What set-up makes, before it becomes a [`Vmalloc`].
pub(crate) struct Parts {
    pub(crate) frames: Buddy,
    pub(crate) slots: Slots,
    pub(crate) areas: FreeTree,
    pub(crate) tables: Tables,
    pub(crate) frames_total: u64,
    pub(crate) frames_slabs: u64,
}

/// Carves the records, frees the rest of the memory, and makes the window's upper tables.
pub(crate) fn set_up<M: Machine>(machine: &M, config: &Config<'_>) -> Result<Parts, SetupError> {
    check(machine, config)?;
    let (base, span) = config.span();
    let regions = config.region_limit();
    let metas = usize::try_from(span).expect("the memory has addresses");
    let nodes = FreeTree::nodes(regions);
    let needed = Slab::<FrameMeta>::frames(metas)
        + Slab::<Slot>::frames(regions as usize)
        + Slab::<crate::area::node::Node>::frames(nodes);
    let home = config.memory.iter().max_by_key(|run| run.count);
    let longest = home.map_or(0, |run| run.count);
    let Some(home) = home.filter(|run| run.count > needed) else {
        return Err(SetupError::Memory { needed, longest });
    };

    let mut carver = Carver { next: home.start };
    let metas = Slab::carve(machine, carver.run::<FrameMeta>(metas), metas);
    let slots = Slab::carve(machine, carver.run::<Slot>(regions as usize), regions as usize);
    let nodes = Slab::carve(machine, carver.run::<crate::area::node::Node>(nodes), nodes);
    let frames = Buddy::new(base, metas);
    for offset in 0..needed {
        let frame = frames.index(home.start + offset).expect("the records lie in the span");
        frames.meta(frame).set_state(FrameState::Slab);
    }
    for run in config.memory {
        let slabs = if run.start == home.start { needed } else { 0 };
        free_run(&frames, run.start + slabs, run.count - slabs);
    }

    let tables = Tables::new(machine.root(), config.window);
    let upper = Tables::upper_entries(config.window).len() as u64;
    let mut stash = frames.take(upper, 0).map_err(|short| SetupError::Memory {
        needed: short.requested,
        longest: short.available,
    })?;
    tables
        .make_upper(machine, &frames, &mut stash)
        .map_err(|address| SetupError::Occupied { address: address.as_u64() })?;
    let start = config.window.address().as_u64() / PAGE_BYTES;
    Ok(Parts {
        frames,
        slots: Slots::new(slots),
        areas: FreeTree::new(nodes, start, config.window.count().get()),
        tables,
        frames_total: config.frames(),
        frames_slabs: needed,
    })
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
    Ok(())
}

/// Frees a run in the largest blocks that its ends allow.
fn free_run(frames: &Buddy, start: Frame, count: u64) {
    let (mut here, mut left) = (start, count);
    while left > 0 {
        let first: FrameIndex = frames.index(here).expect("the memory lies in the span");
        let aligned = if first.0 == 0 { ORDER_MAX } else { first.0.trailing_zeros() };
        let order = aligned.min(left.ilog2()).min(ORDER_MAX);
        frames.put_block(first, order);
        here += 1 << order;
        left -= 1 << order;
    }
}

impl<M: Machine> Vmalloc<M> {
    /// Sets a window up: keeps the records' frames out of `config.memory`, and enters the window's
    /// upper tables into [`Machine::root`], where they stay for ever.
    ///
    /// # Errors
    ///
    /// - [`SetupError::Window`]: the window is empty or not in the higher half.
    /// - [`SetupError::Memory`]: no run of frames holds the records.
    /// - [`SetupError::Occupied`]: the root has an entry where the window lies. Nothing is entered.
    /// - [`SetupError::Cpus`]: the machine has more than one CPU.
    ///
    /// # Safety
    ///
    /// The memory is free RAM that nobody else uses, and is given away for good: its runs do not
    /// overlap, and no other window is set up on them.
    ///
    /// # Context
    ///
    /// Once, at boot, with the level-4 table of [`Machine::root`] loaded or about to be.
    pub unsafe fn try_new(machine: M, config: &Config<'_>) -> Result<Self, SetupError> {
        let parts = set_up(&machine, config)?;
        Ok(Self::from_parts(machine, config, parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{self, SimMachine};

    #[test]
    fn an_upper_entry_that_is_taken_is_left_alone() {
        let machine = SimMachine::new(64, 1);
        let memory = machine.memory();
        let window = sim::window(8);
        let first = set_up(&machine, &Config::new(window, &memory)).unwrap();
        let before = first.tables.walk(&machine, window.address()).entries[0];
        let second = set_up(&machine, &Config::new(window, &memory)).err();
        let address = window.address().as_u64() >> 39 << 39;
        assert_eq!(second, Some(SetupError::Occupied { address }));
        assert_eq!(first.tables.walk(&machine, window.address()).entries[0], before);
    }
}
