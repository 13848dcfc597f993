//! The seam of the `vmalloc` crate on hardware: direct map, recoverable accesses, `invlpg`, CR3,
//! the interrupt flag.

#![expect(unsafe_code, reason = "implements the traits that promise what the hardware does")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use runtime_config::layout::{WINDOW_BYTES, WINDOW_START};
use vmalloc::{
    Access, AccessKind, CpuId, Cpus, Fault, Frame, Machine, Page, PhysicalMemory, TlbControl,
};
use x86_64::VirtAddr;
use x86_64::instructions::{interrupts, tlb};

use crate::bare::cpu::{access, apic, clock, control, local, vectors};
use crate::bare::memory::{direct, walk, window};
use crate::platform::topology::Topology;

/// The longest that a CPU may take to answer a flush.
const PATIENCE_US: u64 = 1_000_000;

/// The machine that the image runs on.
#[derive(Debug)]
pub struct BareMachine {
    root: Frame,
    topology: Topology,
    /// When the CPU that waits for another one has begun to; one waits at a time.
    waiting_since_us: AtomicU64,
}

impl BareMachine {
    /// The machine with the tables that this CPU runs on.
    pub(crate) fn new(topology: Topology) -> Self {
        let root = Frame::containing_address(control::root());
        Self { root, topology, waiting_since_us: AtomicU64::new(0) }
    }

    /// The CPUs of the machine.
    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Interrupts a CPU. All that was stored before is seen by its handler: the command is an
    /// uncached store, which drains those before it.
    pub(crate) fn send(&self, cpu: CpuId, vector: u8) {
        let identifier = self.topology.cpus()[cpu.0 as usize].identifier;
        interrupts::without_interrupts(|| apic::interrupt(identifier, vector));
    }
}

// SAFETY: the memory handed to the crate is RAM from the loader's map that nobody else owns, and
// all of it is mapped at offset 0, writable, for ever; frames are 4096 bytes and distinct.
unsafe impl PhysicalMemory for BareMachine {
    fn pointer(&self, frame: Frame) -> NonNull<u8> {
        NonNull::new(direct::pointer(frame.start_address().as_u64()))
            .expect("frame 0 is no free memory")
    }
}

/// Stores by address are for the window alone: nothing else may be changed from outside its module.
fn is_in_window(address: VirtAddr, length: u64) -> bool {
    let offset = address.as_u64().wrapping_sub(WINDOW_START);
    offset < WINDOW_BYTES && length <= WINDOW_BYTES - offset
}

fn fault(address: u64, kind: AccessKind) -> Fault {
    Fault { address: VirtAddr::new_truncate(address), kind }
}

// SAFETY: plain loads and stores at the addresses named, translated by the tables below CR3, which
// is `root`; each is in the table of fix-ups, so a fault returns.
unsafe impl Access for BareMachine {
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault> {
        let done = access::read(address.as_u64(), bytes);
        if done == bytes.len() {
            return Ok(());
        }
        Err(fault(address.as_u64().wrapping_add(done as u64), AccessKind::Read))
    }

    fn write(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
        if !is_in_window(address, bytes.len() as u64) {
            return Err(fault(address.as_u64(), AccessKind::Write));
        }
        // SAFETY: the bytes lie in the window, so in a region or nowhere. The service writes to
        // clients' regions only and refuses the image's own.
        let done = unsafe { access::write(address.as_u64(), bytes) };
        if done == bytes.len() {
            return Ok(());
        }
        Err(fault(address.as_u64().wrapping_add(done as u64), AccessKind::Write))
    }

    fn fill(&self, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault> {
        if !is_in_window(address, length) {
            return Err(fault(address.as_u64(), AccessKind::Write));
        }
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        // SAFETY: as in `write`.
        let done = unsafe { access::fill(address.as_u64(), bytes, byte) };
        if done == bytes {
            return Ok(());
        }
        Err(fault(address.as_u64().wrapping_add(done as u64), AccessKind::Write))
    }

    fn probe(&self, address: VirtAddr, kind: AccessKind) -> Result<(), Fault> {
        let is_allowed = match kind {
            AccessKind::Read => access::can_read(address.as_u64()),
            AccessKind::Write => is_in_window(address, 1) && access::can_write(address.as_u64()),
            AccessKind::Execute => {
                walk::translate(address.as_u64()).is_some_and(|leaf| leaf.is_executable)
            }
        };
        if is_allowed { Ok(()) } else { Err(fault(address.as_u64(), kind)) }
    }
}

// SAFETY: no entry is global and PCIDs are off, so a CR3 reload drops every translation and the
// paging-structure caches; `invlpg` drops the page and all of those caches.
unsafe impl TlbControl for BareMachine {
    fn flush_page(&self, page: Page) {
        tlb::flush(page.start_address());
    }

    fn flush_all(&self) {
        tlb::flush_all();
    }

    fn interrupt(&self, cpu: CpuId) {
        self.send(cpu, vectors::FLUSH);
    }
}

/// Makes the flush that came while it was masked.
#[cold]
#[inline(never)]
fn flush_late() {
    local::forget_asked();
    if let Some(vm) = window::get() {
        vm.acknowledge();
    }
}

// SAFETY: 1. the list of CPUs never changes, and each that runs has its number from it. 2.
// `without_interrupts` makes the handler of flushes put them off; no other handler flushes, and
// nothing is preempted or moves to another CPU, and no handler calls the crate but to acknowledge.
unsafe impl Cpus for BareMachine {
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

    fn wait(&self, _cpu: CpuId, turn: u64, _handler: &dyn Fn()) -> bool {
        let now_us = clock::now_us();
        if turn == 0 {
            self.waiting_since_us.store(now_us, Ordering::Relaxed);
        }
        core::hint::spin_loop();
        now_us.saturating_sub(self.waiting_since_us.load(Ordering::Relaxed)) < PATIENCE_US
    }
}

// SAFETY: every CPU runs on the tables below `root`.
unsafe impl vmalloc::collections::Direct for BareMachine {}

impl Machine for BareMachine {
    fn root(&self) -> Frame {
        self.root
    }
}
