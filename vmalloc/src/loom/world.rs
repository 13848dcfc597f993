//! The hardware of the models: two pages, their entries and frames, and TLBs that cache every
//! translation as long as possible.

use core::cell::Cell;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use std::vec::Vec;
use x86_64::VirtAddr;

use crate::machine::{CpuId, CpuSet, Cpus, TlbControl};
use crate::page::{PAGE_BYTES, Page, PageCount, PageRange};
use crate::raw::Slab;
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::tlb::cpu_state::CpuState;
use crate::tlb::{Coherence, Flushed, Laggards, Plan};

pub(super) const PAGES: usize = 2;

const WINDOW: u64 = 0xffff_c000_0000_0000;

/// Memory that is used without atomics. The checker reports a use that is not ordered with a
/// change.
pub(super) struct Contents(UnsafeCell<()>);

// SAFETY: the cell has no contents, and the checker is meant to find data races on it.
unsafe impl Sync for Contents {}

impl Contents {
    pub(super) fn new() -> Self {
        Self(UnsafeCell::new(()))
    }

    /// Accesses the memory as its owner.
    pub(super) fn touch(&self) {
        self.0.with(|_| ());
    }

    /// Gives the memory to another owner.
    pub(super) fn reuse(&self) {
        self.0.with_mut(|_| ());
    }
}

/// The state that the CPUs of a model share.
pub(super) struct World {
    pub(super) tlb: Coherence,
    /// The page-table entries. An entry is 1 while its page is mapped to the frame with the same
    /// number.
    entries: [AtomicU64; PAGES],
    frames: [Contents; PAGES],
    /// Whether an interrupt was sent to each CPU and is not yet handled.
    mail: Vec<AtomicBool>,
    /// The number of turns that a CPU waits for another CPU.
    patience: u64,
    done: AtomicBool,
}

impl World {
    /// Creates a world in which all pages are mapped and all CPUs are awake, and in which CPUs wait
    /// for each other without a limit.
    pub(super) fn new(cpus: usize) -> Self {
        let states = (0..cpus).map(|_| CpuState::new(true)).collect::<Vec<_>>();
        Self {
            tlb: Coherence::new(Slab::from(states)),
            entries: core::array::from_fn(|_| AtomicU64::new(1)),
            frames: core::array::from_fn(|_| Contents::new()),
            mail: (0..cpus).map(|_| AtomicBool::new(false)).collect(),
            patience: u64::MAX,
            done: AtomicBool::new(false),
        }
    }

    /// Creates a world as [`new`](Self::new) does, in which a CPU that does not acknowledge in one
    /// turn is a laggard.
    pub(super) fn impatient(cpus: usize) -> Self {
        Self { patience: 1, ..Self::new(cpus) }
    }

    /// Ends the loops in which CPUs handle interrupts.
    pub(super) fn end(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Clears the entry of a page.
    pub(super) fn unmap(&self, page: usize) {
        // Release: as in `paging::tables::publish`.
        self.entries[page].store(0, Ordering::Release);
    }

    /// Gives the frame of a page to another owner.
    pub(super) fn reuse(&self, page: usize) {
        self.frames[page].reuse();
    }
}

/// The point of an acknowledgement at which an interrupt arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nested {
    Never,
    BeforeFlush,
    AfterFlush,
}

/// One CPU and the thread that it runs.
pub(super) struct Cpu {
    pub(super) id: CpuId,
    pub(super) world: Arc<World>,
    /// Whether the TLB has a translation of each page.
    cached: [Cell<bool>; PAGES],
    pub(super) nested: Cell<Nested>,
    /// The generation that the nested handler has published.
    pub(super) handled: Cell<u64>,
    asleep: Cell<bool>,
}

impl Cpu {
    /// Creates a CPU whose TLB has all translations that its entries allow.
    pub(super) fn new(world: &Arc<World>, id: u32) -> Self {
        let cached = core::array::from_fn(|_| Cell::new(false));
        let nested = Cell::new(Nested::Never);
        let (handled, asleep) = (Cell::new(0), Cell::new(false));
        let cpu = Self { id: CpuId(id), world: Arc::clone(world), cached, nested, handled, asleep };
        (0..PAGES).for_each(|page| cpu.walk(page));
        cpu
    }

    /// Drops a translation. While a CPU that is awake has the translation, the frame has no other
    /// owner.
    fn forget(&self, page: usize) {
        if self.cached[page].get() && !self.asleep.get() {
            self.world.frames[page].touch();
        }
        // A speculative walk may cache the entry again immediately.
        self.walk(page);
    }

    fn walk(&self, page: usize) {
        // Relaxed: a walk is ordered only by the flush before it.
        self.cached[page].set(self.world.entries[page].load(Ordering::Relaxed) == 1);
    }

    /// Accesses a page, by the cached translation or else by the entry.
    pub(super) fn touch(&self, page: usize) {
        if !self.cached[page].get() {
            self.walk(page);
        }
        if self.cached[page].get() {
            self.world.frames[page].touch();
        }
    }

    pub(super) fn touch_all(&self) {
        (0..PAGES).for_each(|page| self.touch(page));
    }

    pub(super) fn acknowledge(&self) {
        self.world.tlb.acknowledge(self, self.id);
    }

    pub(super) fn halt(&self) {
        self.asleep.set(true);
        self.world.tlb.halt(self.id);
    }

    /// Goes off line. The CPU has loaded a root without the window, so its TLB is empty.
    pub(super) fn leave(&self) {
        self.cached.iter().for_each(|cached| cached.set(false));
        self.asleep.set(true);
        self.world.tlb.leave(self.id);
    }

    pub(super) fn wake(&self) {
        self.world.tlb.wake(self, self.id);
        self.asleep.set(false);
    }

    /// Handles an interrupt, if one was sent.
    pub(super) fn interrupted(&self) {
        let mail = &self.world.mail[self.id.0 as usize];
        // Acquire: pairs with the Release in `interrupt`, as the trait requires.
        if mail.load(Ordering::Relaxed) && mail.swap(false, Ordering::Acquire) {
            self.acknowledge();
        }
    }

    /// Handles interrupts until the end of the model.
    pub(super) fn serve(&self) {
        while !self.world.has_ended() {
            self.interrupted();
            thread::yield_now();
        }
    }

    /// Runs a shootdown of the pages.
    pub(super) fn shoot(&self, pages: &[usize], everyone: bool) -> Result<Flushed, Laggards> {
        let mut plan = Plan::new::<Self>();
        for page in pages {
            let start = Page::containing_address(VirtAddr::new(WINDOW)) + *page as u64;
            plan.add(PageRange::proven(start, PageCount::from_pages(1).unwrap()));
        }
        let mut guard = self.world.tlb.lock(self);
        self.world.tlb.shoot(self, &mut guard, &plan, everyone)
    }

    fn nest(&self, when: Nested) {
        if self.nested.get() == when {
            self.nested.set(Nested::Never);
            self.acknowledge();
            self.handled.set(self.world.tlb.seen(self.id));
        }
    }
}

// SAFETY: a flush drops the translation of the page before the page is walked again.
unsafe impl TlbControl for Cpu {
    fn flush_page(&self, page: Page) {
        self.nest(Nested::BeforeFlush);
        let page = (page.start_address().as_u64() - WINDOW) / PAGE_BYTES;
        self.forget(usize::try_from(page).unwrap());
        self.nest(Nested::AfterFlush);
    }

    fn flush_all(&self) {
        self.nest(Nested::BeforeFlush);
        (0..PAGES).for_each(|page| self.forget(page));
        self.nest(Nested::AfterFlush);
    }

    fn interrupt(&self, cpus: CpuSet) {
        for cpu in cpus.iter() {
            // Release: pairs with the Acquire in `interrupted`. A swap, because the checker orders
            // two stores only if one of them has read the other.
            self.world.mail[cpu.0 as usize].swap(true, Ordering::Release);
        }
    }
}

// SAFETY: one thread is one CPU, and handles interrupts only at the explicit points.
unsafe impl Cpus for Cpu {
    fn count(&self) -> u32 {
        u32::try_from(self.world.mail.len()).unwrap()
    }

    fn current(&self) -> CpuId {
        self.id
    }

    fn without_interrupts<R>(&self, work: impl FnOnce() -> R) -> R {
        work()
    }

    fn wait(&self, _cpus: CpuSet, turn: u64, _handler: &dyn Fn()) -> bool {
        thread::yield_now();
        turn < self.world.patience
    }
}
