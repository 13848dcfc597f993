//! Implements the machine traits of the `vmalloc` crate on a PC: the direct map, accesses that return an error after a
//! fault, TLB flushes by `invlpg` and CR3, IPIs, and the number of the current CPU.
//!
//! The runtime must guarantee four facts: RAM is mapped at its physical addresses. FS points to the [record of the
//! CPU](local) whenever the crate is called. Threads that call the crate do not preempt each other and are not moved to
//! another CPU. The handler of [`vectors::FLUSH`] calls [`answer_flush`].

#![expect(unsafe_code, reason = "implements the traits that promise what the hardware does")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::Once;
use vmalloc::{
    Access, AccessKind, CpuId, CpuSet, Cpus, Fault, Frame, Machine, Page, PhysicalMemory,
    SetupError, TlbControl, Vmalloc,
};
use x86_64::VirtAddr;
use x86_64::instructions::{interrupts, tlb};

use crate::hardware::cpu::{apic, clock, control, local, vectors};
use crate::hardware::memory::direct;
use crate::hardware::reach;
use crate::platform::topology::Topology;

/// The window (the virtual address range that the `vmalloc` crate manages) of the image.
pub(crate) type Window = Vmalloc<PcMachine>;

static WINDOW: Once<Window> = Once::new();

/// Creates the window by `make`, once. Later calls return the existing window.
///
/// # Errors
///
/// See [`SetupError`].
pub(crate) fn set_window(
    make: impl FnOnce() -> Result<Window, SetupError>,
) -> Result<&'static Window, SetupError> {
    WINDOW.try_call_once(make)
}

/// Returns the window, or `None` before [`set_window`].
///
/// # Context
///
/// Any. Takes no lock.
pub(crate) fn window() -> Option<&'static Window> {
    WINDOW.get()
}

/// Time in microseconds after which the CPUs that have not acknowledged a flush are regarded as failed.
const FLUSH_TIMEOUT_US: u64 = 1_000_000;

/// The PC on which the image runs.
#[derive(Debug)]
pub(crate) struct PcMachine {
    root: Frame,
    topology: Topology,
    /// Time at which the current shootdown began to wait for acknowledgements. Only one CPU waits at a time.
    waiting_since_us: AtomicU64,
}

impl PcMachine {
    /// Creates the machine. Its page tables are those that the calling CPU uses now.
    pub(crate) fn new(topology: Topology) -> Self {
        let root = Frame::containing_address(control::root());
        Self { root, topology, waiting_since_us: AtomicU64::new(0) }
    }

    /// Returns the CPUs and their NUMA nodes.
    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Sends an IPI to `cpu`. Its handler sees all earlier stores of the calling CPU, because the command is written by
    /// an uncached store, which drains the store buffer first.
    pub(crate) fn send(&self, cpu: CpuId, vector: u8) {
        let identifier = self.topology.cpus()[cpu.0 as usize].identifier;
        interrupts::without_interrupts(|| apic::interrupt(identifier, vector));
    }
}

// SAFETY: the memory given to the crate is RAM from the loader's memory map and has no other owner. All of it stays
// mapped writable at its physical addresses. Frames have 4096 bytes and do not overlap.
unsafe impl PhysicalMemory for PcMachine {
    fn pointer(&self, frame: Frame) -> NonNull<u8> {
        NonNull::new(direct::pointer(frame.start_address().as_u64()))
            .expect("frame 0 is no free memory")
    }
}

// SAFETY: no entry is global and PCIDs are off, so a CR3 reload drops every translation and the
// paging-structure caches; `invlpg` drops the page and all of those caches.
unsafe impl TlbControl for PcMachine {
    fn flush_page(&self, page: Page) {
        tlb::flush(page.start_address());
    }

    fn flush_all(&self) {
        tlb::flush_all();
    }

    fn interrupt(&self, cpus: CpuSet) {
        for cpu in cpus.iter() {
            self.send(cpu, vectors::FLUSH);
        }
    }
}

/// Flushes and acknowledges, as another CPU has requested. While flushes are masked on this CPU, the flush is deferred
/// until they are unmasked.
///
/// # Context
///
/// The handler of [`vectors::FLUSH`], with interrupts off and FS on this CPU's record.
pub(crate) fn answer_flush() {
    if local::may_flush()
        && let Some(vm) = window()
    {
        vm.acknowledge();
    }
}

/// Makes and acknowledges the flush that was deferred while flushes were masked.
#[cold]
#[inline(never)]
fn flush_late() {
    local::forget_asked();
    if let Some(vm) = window() {
        vm.acknowledge();
    }
}

// SAFETY: 1. the list of CPUs never changes, and each running CPU has its number from the list. 2.
// `without_interrupts` makes the handler defer flushes. No other handler flushes. Threads are neither
// preempted nor moved to another CPU. Handlers only acknowledge, and read without locks.
unsafe impl Cpus for PcMachine {
    const IS_ALONE: bool = true;

    #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
    fn count(&self) -> u32 {
        self.topology.cpus().len() as u32
    }

    fn node(&self, cpu: CpuId) -> u32 {
        self.topology.cpus()[cpu.0 as usize].node
    }

    #[inline(always)]
    fn current(&self) -> CpuId {
        CpuId(local::number())
    }

    #[inline(always)]
    fn without_interrupts<R>(&self, work: impl FnOnce() -> R) -> R {
        let was_masked = local::mask();
        let result = work();
        if !was_masked && local::unmask() {
            flush_late();
        }
        result
    }

    fn wait(&self, _cpus: CpuSet, turn: u64, _handler: &dyn Fn()) -> bool {
        let now_us = clock::now_us();
        if turn == 0 {
            self.waiting_since_us.store(now_us, Ordering::Relaxed);
        }
        core::hint::spin_loop();
        now_us.saturating_sub(self.waiting_since_us.load(Ordering::Relaxed)) < FLUSH_TIMEOUT_US
    }
}

// SAFETY: every CPU uses the page tables below `root`.
unsafe impl vmalloc::Direct for PcMachine {}

// SAFETY: all CPUs use the page tables below `root`, and after set-up only the crate changes the entries of the window.
unsafe impl Machine for PcMachine {
    fn root(&self) -> Frame {
        self.root
    }
}

// SAFETY: plain loads and stores at the given addresses, translated by the tables below CR3, which is `root`. Each
// instruction is in the exception table, so a fault returns an error. They are assembly, so accesses may overlap.
unsafe impl Access for PcMachine {
    unsafe fn read(&self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault> {
        reach::read(address, bytes)
    }

    unsafe fn write(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
        // SAFETY: the caller may change the bytes.
        unsafe { reach::write(address, bytes) }
    }

    unsafe fn fill(&self, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault> {
        // SAFETY: the caller may change the bytes.
        unsafe { reach::fill(address, length, byte) }
    }

    unsafe fn probe(&self, address: VirtAddr, kind: AccessKind) -> Result<(), Fault> {
        reach::probe(address, kind)
    }
}
