//! The simulated machine: its CPUs, its memory, and the implementation of the machine traits.

use std::cell::Cell;
use std::collections::HashSet;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::vec::Vec;

use x86_64::VirtAddr;

use super::memory::Memory;
use super::mmu::Caches;
use crate::allocator::{Config, Vmalloc};
use crate::error::SetupError;
use crate::frame::FrameRange;
use crate::machine::{CpuId, CpuSet, Cpus, Machine, PhysicalMemory, TlbControl};
use crate::page::{Frame, PAGE_BYTES, Page, PageCount, PageRange};

/// The start of [`window`].
pub const WINDOW_START: u64 = 0xffff_c900_0000_0000;

/// Returns a window of `pages` pages, from [`WINDOW_START`].
///
/// # Panics
///
/// If the pages leave the upper half.
#[must_use]
pub fn window(pages: u64) -> PageRange {
    let start = Page::containing_address(VirtAddr::new(WINDOW_START));
    let count = PageCount::from_pages(pages).expect("a window has a size");
    PageRange::try_new(start, count).expect("a window lies in the upper half")
}

/// Simulated physical memory, MMU and TLBs: a [`Machine`] on the host.
///
/// One thread can simulate all CPUs: [`on`](Self::on) selects the current one. A test may also use
/// a thread for each CPU: [`become_cpu`](Self::become_cpu). All CPUs except CPU 0 count as not
/// started until they call [`Vmalloc::leave_idle`].
///
/// # Examples
///
/// ```
/// use vmalloc::{sim::{self, SimMachine}, CpuId};
///
/// let vm = SimMachine::new(256, 2).set_up(sim::window(1024), 0, 0)?;
/// let region = vm.vzalloc(4_096)?;
/// vm.machine().write(region.address(), b"by CPU 0").unwrap();
/// vm.machine().on(CpuId(1));
/// vm.leave_idle();
/// let mut bytes = [0; 8];
/// vm.machine().read(region.address(), &mut bytes).unwrap();
/// assert_eq!(&bytes, b"by CPU 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SimMachine {
    pub(super) memory: Memory,
    pub(super) cpus: Mutex<Vec<Caches>>,
    /// The current CPU of all threads that are not bound to a CPU.
    current: AtomicU32,
    /// CPUs to which an interrupt was sent that is not yet handled.
    pending: Mutex<HashSet<u32>>,
    /// The CPU that handles no interrupts, or [`NOBODY`].
    deaf: AtomicU32,
    /// CPUs that are halted. They access no memory, but may walk the tables speculatively.
    asleep: Mutex<HashSet<u32>>,
    /// CPUs that are off line. They access no memory and walk no tables.
    off_line: Mutex<HashSet<u32>>,
    /// Whether every CPU is a thread of its own, which acknowledges for itself.
    threads: AtomicBool,
    /// The number of NUMA nodes. The node of a CPU is its number modulo this.
    nodes: u32,
    speculation: Mutex<Speculation>,
}

std::thread_local! {
    static CPU: Cell<Option<u32>> = const { Cell::new(None) };
    static PREEMPTION_DISABLED: Cell<u32> = const { Cell::new(0) };
    static PREEMPTION_GUARDS: Cell<u64> = const { Cell::new(0) };
}

/// The value that stands for no CPU.
const NOBODY: u32 = u32::MAX;

/// The number of turns that a CPU waits for another CPU.
const PATIENCE: u64 = 100;

/// The state of speculative walks: the random state, and the pages in which walks happen.
#[derive(Debug, Default)]
struct Speculation {
    state: u64,
    first: u64,
    pages: u64,
}

impl Speculation {
    /// Returns the next number of a fixed pseudo-random sequence (xorshift).
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

impl SimMachine {
    /// Creates a machine with `cpus` CPUs and `frames` frames, of which one is the level-4 table.
    ///
    /// # Panics
    ///
    /// If `frames` is below 2, or if the host does not have that much memory.
    #[must_use]
    pub fn new(frames: u64, cpus: u32) -> Self {
        Self {
            memory: Memory::new(frames),
            cpus: Mutex::new((0..cpus).map(|_| Caches::default()).collect()),
            current: AtomicU32::new(0),
            pending: Mutex::default(),
            deaf: AtomicU32::new(NOBODY),
            asleep: Mutex::default(),
            off_line: Mutex::default(),
            threads: AtomicBool::new(false),
            nodes: 1,
            speculation: Mutex::new(Speculation { state: 1, first: WINDOW_START, pages: 0 }),
        }
    }

    /// Divides the memory into a run for each of `nodes` NUMA nodes; a CPU's node is its number
    /// modulo `nodes`.
    #[must_use]
    pub fn with_nodes(mut self, nodes: u32) -> Self {
        self.nodes = nodes;
        self
    }

    /// Makes `cpu` the current CPU.
    ///
    /// # Panics
    ///
    /// If there is no such CPU.
    pub fn on(&self, cpu: CpuId) {
        assert!(cpu.0 < self.count(), "there is no {cpu:?}");
        self.current.store(cpu.0, Ordering::SeqCst);
    }

    /// Binds the calling thread to a CPU. Every CPU must then be a thread, which calls
    /// [`Vmalloc::acknowledge`] or is halted.
    ///
    /// # Panics
    ///
    /// If there is no such CPU.
    pub fn become_cpu(&self, cpu: CpuId) {
        assert!(cpu.0 < self.count(), "there is no {cpu:?}");
        CPU.set(Some(cpu.0));
        self.threads.store(true, Ordering::SeqCst);
    }

    /// Records whether the current CPU is halted, which it may be between [`Vmalloc::enter_idle`]
    /// and [`Vmalloc::leave_idle`]. The TLB of a halted CPU may hold free frames, but its
    /// paging-structure caches may hold no freed table.
    ///
    /// # Panics
    ///
    /// Panics if another thread has panicked while it held a lock of this machine.
    pub fn set_asleep(&self, asleep: bool) {
        let mut sleepers = self.asleep.lock().expect("no test panics inside");
        let cpu = self.current().0;
        if asleep {
            sleepers.insert(cpu)
        } else {
            sleepers.remove(&cpu)
        };
    }

    /// Records whether a CPU is off line, which it may be between [`Vmalloc::leave_cpu`] and
    /// [`Vmalloc::leave_idle`]. A CPU that goes off line drops its caches, and then walks no tables.
    ///
    /// # Panics
    ///
    /// Panics if there is no such CPU, or if another thread has panicked while it held a lock of
    /// this machine.
    pub fn set_off_line(&self, cpu: CpuId, off_line: bool) {
        let mut cpus = self.off_line.lock().expect("no test panics inside");
        if off_line {
            cpus.insert(cpu.0);
            self.cpus.lock().expect("no test panics inside")[cpu.0 as usize].drop_all();
        } else {
            cpus.remove(&cpu.0);
        }
    }

    /// Makes a CPU ignore interrupts; `None` cancels this. A shootdown that waits for it gives up
    /// after 100 turns, or if the CPUs are threads, when all other CPUs have answered.
    pub fn deafen(&self, cpu: Option<CpuId>) {
        self.deaf.store(cpu.map_or(NOBODY, |cpu| cpu.0), Ordering::SeqCst);
    }

    /// Returns whether the calling thread may be preempted.
    #[must_use]
    pub fn is_preemptible(&self) -> bool {
        PREEMPTION_DISABLED.get() == 0
    }

    /// Returns the number of times that the calling thread has disabled preemption.
    #[must_use]
    pub fn preemption_guards(&self) -> u64 {
        PREEMPTION_GUARDS.get()
    }

    /// Returns whether an interrupt to a CPU is not yet handled.
    ///
    /// # Panics
    ///
    /// Panics if another thread has panicked while it held a lock of this machine.
    #[must_use]
    pub fn is_interrupted(&self, cpu: CpuId) -> bool {
        self.pending.lock().expect("no test panics inside").contains(&cpu.0)
    }

    /// Sets a window up on all memory of the machine. The other parameters are as in [`Config`].
    ///
    /// # Errors
    ///
    /// As for [`Vmalloc::try_new`].
    pub fn set_up(
        self,
        window: PageRange,
        regions: u32,
        reserve: u64,
    ) -> Result<Vmalloc<Self>, SetupError> {
        let memory = self.memory();
        let config = Config { regions, reserve, ..Config::new(window, &memory) };
        let first = window.address().as_u64();
        self.speculation.lock().unwrap_or_else(PoisonError::into_inner).first = first;
        #[expect(unsafe_code, reason = "gives the memory away")]
        // SAFETY: the machine is moved into the window, and its memory with it.
        unsafe {
            Vmalloc::try_new(self, &config)
        }
    }

    /// Returns all frames except the level-4 table, in one run for each node.
    pub(crate) fn memory(&self) -> Vec<FrameRange> {
        let all = self.memory.free();
        let part = all.count / u64::from(self.nodes);
        let runs = (0..self.nodes).map(|node| FrameRange {
            start: all.start + part * u64::from(node),
            count: if node + 1 == self.nodes { all.count - part * u64::from(node) } else { part },
            node,
        });
        runs.collect()
    }

    /// Starts speculative walks in the first `pages` pages of the window, in an order that `seed`
    /// determines.
    ///
    /// # Panics
    ///
    /// Panics if another thread has panicked while it held a lock of this machine.
    pub fn speculate(&self, seed: u64, pages: u64) {
        let mut speculation = self.speculation.lock().expect("no test panics inside");
        (speculation.state, speculation.pages) = (seed | 1, pages);
    }

    /// Returns the translations in the TLB of a CPU, in no particular order.
    ///
    /// # Panics
    ///
    /// If there is no such CPU.
    #[must_use]
    pub fn translations(&self, cpu: CpuId) -> Vec<(Page, Frame)> {
        self.cpus.lock().expect("no test panics inside")[cpu.0 as usize].translations()
    }

    /// Returns a freed frame that was written to after the free and is not in `mapped`.
    #[must_use]
    pub fn spoilt(&self, mapped: &HashSet<Frame>) -> Option<Frame> {
        self.memory.spoilt(|frame| mapped.contains(&frame))
    }

    /// Asserts that no CPU can reach a frame that is freed. A halted CPU may have a translation of
    /// the frame. Accesses by it panic until the CPU flushes.
    pub(super) fn assert_forgotten(&self, frame: Frame) {
        let asleep = self.asleep.lock().expect("no test panics inside");
        let mut cpus = self.cpus.lock().expect("no test panics inside");
        for (cpu, caches) in (0..).zip(cpus.iter_mut()) {
            assert!(!caches.knows_table(frame), "{frame:?} is freed, CPU {cpu} walks it");
            let is_awake = !asleep.contains(&cpu);
            assert!(!is_awake || !caches.maps(frame), "{frame:?} is freed, CPU {cpu} reaches it");
            caches.mark_freed(frame);
        }
    }

    /// Lets every CPU walk one random page speculatively, in one of four calls.
    fn wander(&self) {
        let (page, chance) = {
            let mut speculation = self.speculation.lock().expect("no test panics inside");
            if speculation.pages == 0 {
                return;
            }
            let page = speculation.next() % speculation.pages;
            (speculation.first + page * PAGE_BYTES, speculation.next() % 4)
        };
        if chance == 0 {
            let page = Page::containing_address(VirtAddr::new(page));
            let off_line = self.off_line.lock().expect("no test panics inside");
            let mut cpus = self.cpus.lock().expect("no test panics inside");
            for (_, caches) in (0..).zip(cpus.iter_mut()).filter(|(cpu, _)| !off_line.contains(cpu))
            {
                let _ = caches.fill(&self.memory, page);
            }
        }
    }

    fn with_caches<R>(&self, work: impl FnOnce(&mut Caches) -> R) -> R {
        let cpu = self.current().0 as usize;
        work(&mut self.cpus.lock().expect("no test panics inside")[cpu])
    }

    /// Handles the interrupt of one CPU, chosen at random among those that have one.
    fn deliver(&self, handler: &dyn Fn()) {
        let chosen = {
            let mut pending = self.pending.lock().expect("no test panics inside");
            let mut waiting: Vec<u32> = pending.iter().copied().collect();
            waiting.sort_unstable();
            waiting.retain(|cpu| *cpu != self.deaf.load(Ordering::SeqCst));
            if waiting.is_empty() {
                return;
            }
            let random = self.speculation.lock().expect("no test panics inside").next();
            let chosen = waiting[usize::try_from(random).unwrap_or(0) % waiting.len()];
            pending.remove(&chosen);
            chosen
        };
        let me = self.current.swap(chosen, Ordering::SeqCst);
        handler();
        self.current.store(me, Ordering::SeqCst);
        self.wander();
    }
}

#[expect(unsafe_code, reason = "the seam's traits are promises")]
// SAFETY: every frame of `memory()` and the root lie in one allocation, side by side, aligned, as
// long as the machine lives.
unsafe impl PhysicalMemory for SimMachine {
    const RETIRES: bool = true;

    fn pointer(&self, frame: Frame) -> NonNull<u8> {
        self.memory.pointer(frame)
    }

    unsafe fn zero(&self, frame: Frame) {
        self.wander();
        self.memory.own(frame);
        for word in self.memory.words(frame) {
            word.store(0, Ordering::Relaxed);
        }
    }

    unsafe fn copy(&self, from: Frame, to: Frame) {
        self.memory.own(to);
        for (from, to) in self.memory.words(from).iter().zip(self.memory.words(to)) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    unsafe fn retire(&self, frame: Frame, zeroed: bool) {
        self.wander();
        self.assert_forgotten(frame);
        self.memory.retire(frame, zeroed);
    }
}

#[expect(unsafe_code, reason = "the seam's traits are promises")]
// SAFETY: a flush drops the entries of the named pages, and all upper entries with them.
unsafe impl TlbControl for SimMachine {
    fn flush_page(&self, page: Page) {
        self.wander();
        self.with_caches(|caches| caches.drop_page(page));
    }

    fn flush_all(&self) {
        self.wander();
        self.with_caches(Caches::drop_all);
        // A CPU may cache tables again immediately after a flush.
        self.wander();
    }

    fn interrupt(&self, cpus: CpuSet) {
        let mut pending = self.pending.lock().expect("no test panics inside");
        pending.extend(cpus.iter().map(|cpu| cpu.0));
    }
}

#[expect(unsafe_code, reason = "the seam's traits are promises")]
// SAFETY: the number of CPUs is fixed, and interrupts are handled in `wait` only.
unsafe impl Cpus for SimMachine {
    fn count(&self) -> u32 {
        u32::try_from(self.cpus.lock().expect("no test panics inside").len()).unwrap_or(u32::MAX)
    }

    fn current(&self) -> CpuId {
        CpuId(CPU.get().unwrap_or_else(|| self.current.load(Ordering::SeqCst)))
    }

    fn node(&self, cpu: CpuId) -> u32 {
        cpu.0 % self.nodes
    }

    fn without_interrupts<R>(&self, work: impl FnOnce() -> R) -> R {
        work()
    }

    fn disable_preemption(&self) {
        PREEMPTION_DISABLED.set(PREEMPTION_DISABLED.get() + 1);
        PREEMPTION_GUARDS.set(PREEMPTION_GUARDS.get() + 1);
    }

    fn enable_preemption(&self) {
        let depth = PREEMPTION_DISABLED.get().checked_sub(1);
        PREEMPTION_DISABLED.set(depth.expect("preemption is disabled"));
    }

    fn wait(&self, cpus: CpuSet, turn: u64, handler: &dyn Fn()) -> bool {
        assert!(self.is_preemptible(), "a thread waits for {cpus:?} with preemption disabled");
        if self.threads.load(Ordering::SeqCst) {
            std::thread::yield_now();
            return cpus.iter().any(|cpu| cpu.0 != self.deaf.load(Ordering::SeqCst));
        }
        self.wander();
        self.deliver(handler);
        turn < PATIENCE
    }
}

#[expect(unsafe_code, reason = "the seam's traits are promises")]
// SAFETY: the root is fixed, and only the crate stores entries.
unsafe impl Machine for SimMachine {
    fn root(&self) -> Frame {
        self.memory.root()
    }
}
