//! The interface between the crate and the hardware: three traits, and [`Machine`], which combines
//! them. [`Access`] is a fifth trait, for services, that the crate itself does not use.
//!
//! A kernel implements these traits once; the feature [`sim`](crate#features) implements them on
//! the host. Methods take `&self`, because all CPUs share one machine. The crate needs no
//! allocator, no threads and no clock. `PORTING.md` explains each method.
#![expect(unsafe_code, reason = "implementing the seam is a promise")]

mod cpus;

use core::ptr::NonNull;

use x86_64::VirtAddr;

use crate::page::{Frame, Page};

pub(crate) use cpus::CPUS_MAX;
pub use cpus::{CpuId, CpuSet};

/// The number of NUMA nodes that the crate can count: [`FrameRange::node`](crate::FrameRange::node)
/// is below this.
pub const NODES: usize = 4;

/// The highest value of [`TlbControl::PAGES_MAX`].
pub const FLUSH_PAGES_MAX: usize = 64;

/// The number of 64-bit words in a frame.
const FRAME_WORDS: usize = 512;

/// The kind of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch. A probe decides by the entries and executes no instruction.
    Execute,
}

/// A page fault of an access from which the caller has recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first address that faulted.
    pub address: VirtAddr,
    /// The kind of the access.
    pub kind: AccessKind,
}

/// Gives access to physical memory.
///
/// # Safety
///
/// For every frame of the memory that [`Vmalloc::try_new`](crate::Vmalloc::try_new) is given, and
/// for every page table below [`Machine::root`], an implementor guarantees that the pointer is
/// valid for reads and writes of 4096 bytes as long as the machine lives, is aligned to 4096, and
/// is always the same. Distinct frames do not overlap.
///
/// # Context
///
/// Every method of the crate may call these methods, with locks held and with interrupts off. So
/// they take no lock and do not wait. Adjacent frames of one run of memory must be adjacent at
/// their pointers, because the records of the crate are stored across frames.
pub unsafe trait PhysicalMemory {
    /// Whether the crate calls [`retire`](Self::retire) for every freed frame.
    const RETIRES: bool = false;

    /// Returns the address at which the frame can be read and written.
    fn pointer(&self, frame: Frame) -> NonNull<u8>;

    /// Fills a frame with zeros. A machine overrides this if it has a faster way.
    ///
    /// # Safety
    ///
    /// The caller owns the contents of the frame, and the frame is one that
    /// [`pointer`](Self::pointer) accepts.
    unsafe fn zero(&self, frame: Frame) {
        zero_frame(self.pointer(frame));
    }

    /// Copies the contents of the frame `from` to the frame `to`. A machine overrides this if it has
    /// a faster way.
    ///
    /// # Safety
    ///
    /// The caller may read `from` and owns the contents of `to`. The frames are distinct, and
    /// [`pointer`](Self::pointer) accepts both.
    unsafe fn copy(&self, from: Frame, to: Frame) {
        let (from, to) = (self.pointer(from).cast::<u64>(), self.pointer(to).cast::<u64>());
        // SAFETY: `pointer` promises 4096 bytes at each pointer, and distinct frames do not overlap.
        unsafe { to.copy_from_nonoverlapping(from, FRAME_WORDS) };
    }

    /// Reports that a frame is free again. `zeroed` tells whether the frame contains only zeros. A
    /// machine for debugging can fill other frames with a poison value. Called only if
    /// [`RETIRES`](Self::RETIRES) is true.
    ///
    /// # Safety
    ///
    /// The caller owns the contents of the frame, no CPU can reach the frame by an address of the
    /// window, and the contents are zeros if `zeroed` is set.
    unsafe fn retire(&self, frame: Frame, zeroed: bool) {
        let _ = (frame, zeroed);
    }
}

/// Invalidates translations of the current CPU, and interrupts other CPUs.
///
/// # Safety
///
/// An implementor guarantees the following when a flush returns: neither the TLB nor the
/// paging-structure caches of the calling CPU hold a translation of the given pages, of any PCID,
/// that was made from entries before the call.
///
/// # Context
///
/// The handler of [`interrupt`](Self::interrupt) also calls flushes, so they take no lock.
///
/// # Source
///
/// Intel SDM volume 3, "Invalidation of TLBs and Paging-Structure Caches".
pub unsafe trait TlbControl {
    /// The highest number of pages that a shootdown flushes one by one. For more pages every CPU
    /// flushes everything once. A kernel chooses fewer if a flush of a page is expensive, for
    /// example with several PCIDs, and more if a full flush drops much that is needed again.
    ///
    /// At most [`FLUSH_PAGES_MAX`], which the compiler checks. With 0 every flush is a full one.
    const PAGES_MAX: usize = 33;

    /// Invalidates one page on the calling CPU, small or large, and all paging-structure caches of
    /// that CPU: `invlpg` if PCIDs are off.
    fn flush_page(&self, page: Page);

    /// Invalidates all translations on the calling CPU: a load of CR3 if PCIDs are off and no entry
    /// of the window is global.
    fn flush_all(&self);

    /// Sends an IPI that makes each of these CPUs call
    /// [`Vmalloc::acknowledge`](crate::Vmalloc::acknowledge), and that wakes the CPUs among them
    /// that are halted. Called once for each shootdown, before the first wait, so a machine can use
    /// one multicast IPI or one hypercall for all CPUs.
    ///
    /// The handler must see all earlier stores of the caller. If sending is not ordered after these
    /// stores, as with an x2APIC, a fence must precede it. The set is not empty. It contains the
    /// calling CPU only if the thread was moved to this CPU during the shootdown.
    fn interrupt(&self, cpus: CpuSet);
}

/// Numbers the CPUs, and controls their interrupts.
///
/// # Safety
///
/// An implementor guarantees that
///
/// 1. [`count`](Self::count) never changes, and [`current`](Self::current) is below it;
/// 2. no interrupt of [`TlbControl::interrupt`] is handled on a CPU inside
///    [`without_interrupts`](Self::without_interrupts), and the code inside is neither preempted nor
///    moved to another CPU.
///
/// The crate is sound without [`disable_preemption`](Self::disable_preemption), which serves speed.
pub unsafe trait Cpus {
    /// Whether code is never preempted or moved to another CPU, and interrupt handlers call no
    /// method of the crate except [`Vmalloc::acknowledge`](crate::Vmalloc::acknowledge). If so, the
    /// counters of each CPU need no atomic addition.
    const IS_ALONE: bool = false;

    /// Returns the number of CPUs, at most 64. No flush waits for a CPU that has not yet called
    /// [`Vmalloc::leave_idle`](crate::Vmalloc::leave_idle). So a CPU calls it before the CPU loads
    /// tables that contain the window.
    fn count(&self) -> u32;

    /// Returns the calling CPU. The value selects a list of the CPU, so it may be outdated. It must
    /// be exact in interrupt handlers and in [`without_interrupts`](Self::without_interrupts),
    /// where code is not moved to another CPU.
    fn current(&self) -> CpuId;

    /// Returns the NUMA node from which memory for a CPU should be taken.
    fn node(&self, cpu: CpuId) -> u32 {
        let _ = cpu;
        0
    }

    /// Runs `work` with interrupts off. `work` is a flush, or a walk over at most one leaf table.
    /// Calls may be nested.
    fn without_interrupts<R>(&self, work: impl FnOnce() -> R) -> R
    where
        Self: Sized;

    /// Keeps the current thread on its CPU until
    /// [`enable_preemption`](Self::enable_preemption). The fast paths of allocation and free call
    /// both around the steps that use the lists of a CPU and their locks, so that no thread is
    /// preempted while others spin for its lock. They call neither while they wait for other CPUs
    /// or purge.
    ///
    /// Calls may be nested. The default has no effect: for machines without preemption, or whose
    /// callers disable it.
    #[inline(always)]
    fn disable_preemption(&self) {}

    /// Ends the effect of the last [`disable_preemption`](Self::disable_preemption) on this CPU.
    #[inline(always)]
    fn enable_preemption(&self) {}

    /// Waits for a short time for other CPUs. `cpus` are those that have not acknowledged the
    /// shootdown yet, and `turn` counts these calls for one shootdown, from 0. Returns `false` when
    /// the time limit of the shootdown is exceeded, which should be about one second: all of `cpus`
    /// then count as not answering, and the areas of the purge stay lazy.
    ///
    /// `handler` is the work of the interrupted CPU. Hardware ignores this parameter. A machine
    /// that simulates all CPUs on one thread calls it on behalf of one of them.
    ///
    /// # Context
    ///
    /// At most one CPU at a time is in this method.
    fn wait(&self, cpus: CpuSet, turn: u64, handler: &dyn Fn()) -> bool;
}

/// Keeps the current thread on its CPU while the value exists.
#[must_use]
pub(crate) struct PreemptionGuard<'m, M: Cpus>(&'m M);

impl<'m, M: Cpus> PreemptionGuard<'m, M> {
    #[inline(always)]
    pub(crate) fn new(machine: &'m M) -> Self {
        machine.disable_preemption();
        Self(machine)
    }
}

impl<M: Cpus> Drop for PreemptionGuard<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.enable_preemption();
    }
}

/// Everything that the crate needs from the hardware.
///
/// # Safety
///
/// An implementor guarantees that [`root`](Self::root) always returns the same frame, that the frame
/// is a level-4 table of the format that the CPUs use, and that no other code changes the entries
/// for the window after set-up. A CPU that uses another level-4 table has the same entries for the
/// window.
pub unsafe trait Machine: PhysicalMemory + TlbControl + Cpus {
    /// Returns the level-4 table in which the crate links the tables of the window.
    fn root(&self) -> Frame;
}

/// Reads and writes mapped memory through the translations of the current CPU, and recovers from
/// page faults.
///
/// The crate does not need this trait. It is for services that access regions by address.
///
/// # Safety
///
/// An implementor guarantees that the accesses are translated by the page tables below
/// [`Machine::root`] and touch only the given addresses, that an access that faults returns
/// [`Fault`], after which the kernel continues, and that accesses by this trait may overlap on
/// several CPUs: the bytes of such accesses mix, without any other effect.
pub unsafe trait Access: Machine {
    /// Copies `bytes.len()` bytes from `address`.
    ///
    /// # Errors
    ///
    /// The first address that faulted. The bytes before it have been copied.
    ///
    /// # Safety
    ///
    /// Each of the bytes that is mapped is memory that the caller may read, not a register of a
    /// device, and no code writes to it during the call by other means than this trait.
    unsafe fn read(&self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault>;

    /// Copies `bytes` to `address`.
    ///
    /// # Errors
    ///
    /// The first address that faulted. The bytes before it have been written.
    ///
    /// # Safety
    ///
    /// Each of the bytes that is mapped writable is memory that the caller may change, not a
    /// register of a device. No reference points to it, and no code accesses it during the call by
    /// other means than this trait.
    unsafe fn write(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault>;

    /// Sets `length` bytes from `address` to `byte`.
    ///
    /// # Errors
    ///
    /// The first address that faulted. The bytes before it have been written.
    ///
    /// # Safety
    ///
    /// As for [`write`](Self::write).
    unsafe fn fill(&self, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault>;

    /// Attempts one access without changing memory: a read of one byte, or an atomic addition of 0.
    ///
    /// # Errors
    ///
    /// The fault of the access.
    ///
    /// # Safety
    ///
    /// As for [`read`](Self::read), or as for [`write`](Self::write) if `kind` is
    /// [`AccessKind::Write`], but the bytes keep their values, so references to them may exist.
    unsafe fn probe(&self, address: VirtAddr, kind: AccessKind) -> Result<(), Fault>;
}

/// Clears a frame word by word, which is the fastest loop if `rep stosb` is slow.
pub(crate) fn zero_frame(frame: NonNull<u8>) {
    let words = frame.cast::<u64>();
    for index in 0..FRAME_WORDS {
        // SAFETY: `PhysicalMemory::pointer` promises 4096 writable bytes at this address.
        let word = unsafe { words.add(index) };
        // SAFETY: the same, and the pointer is aligned to 4096.
        unsafe { word.write(0) };
    }
}
