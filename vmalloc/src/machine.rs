//! The seam between the crate and the hardware: four small traits and the [`Machine`] that joins them.
//!
//! A kernel implements them once; the feature [`sim`](crate#features) implements them on the host.
//! Methods take `&self` because a machine is shared by all CPUs. The crate needs no allocator, no
//! threads and no clock. `PORTING.md` explains each method.
#![expect(unsafe_code, reason = "implementing the seam is a promise")]

use core::ptr::NonNull;

use x86_64::VirtAddr;

use crate::page::{Frame, Page};

/// NUMA nodes that frames are counted by: [`FrameRange::node`](crate::FrameRange::node) is below this.
pub const NODES: usize = 4;

/// CPUs that a window can have.
pub(crate) const CPUS_MAX: u32 = 64;

/// The 64-bit words of a frame.
const FRAME_WORDS: usize = 512;

/// Dense number of a CPU, from 0 to [`Cpus::count`] without it. Not the hardware's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuId(pub u32);

/// The kind of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch. A probe answers from the entries: no instruction is executed.
    Execute,
}

/// An access that the hardware refused and from which the caller recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first address that was refused.
    pub address: VirtAddr,
    /// The kind of the access.
    pub kind: AccessKind,
}

/// Reaches physical memory.
///
/// # Safety
///
/// An implementor promises that for every frame of the memory handed to
/// [`Vmalloc::try_new`](crate::Vmalloc::try_new), and for every page table below
/// [`Machine::root`], the pointer is valid for reads and writes of 4096 bytes as long as the
/// machine lives, is aligned to 4096, always the same, and that distinct frames do not overlap.
///
/// # Context
///
/// Called by every verb, with locks held and with interrupts off: it takes no lock and does not wait.
/// The frames of one run of memory must lie side by side: the crate's records are put there.
pub unsafe trait PhysicalMemory {
    /// Whether [`retire`](Self::retire) must be called for every freed frame.
    const RETIRES: bool = false;

    /// Where the frame can be read and written.
    fn pointer(&self, frame: Frame) -> NonNull<u8>;

    /// Fills the frame with zeros. Override it with the machine's fastest way.
    ///
    /// # Safety
    ///
    /// The frame's contents are the caller's to change, and [`pointer`](Self::pointer) serves it.
    unsafe fn zero(&self, frame: Frame) {
        zero_frame(self.pointer(frame));
    }

    /// Reports that the frame is free again, `zeroed` if it reads as zeros; a debugging machine
    /// poisons it otherwise. Called only where [`RETIRES`](Self::RETIRES) is true.
    fn retire(&self, frame: Frame, zeroed: bool) {
        let _ = (frame, zeroed);
    }
}

/// Reads and writes mapped memory through the CPU's own translation, and survives a fault.
///
/// The crate itself does not call it: it is for code that accesses regions by address, and for
/// tests.
///
/// # Safety
///
/// An implementor promises that the accesses go through the page tables below
/// [`Machine::root`] and touch only the addresses named, and that a refused access returns
/// [`Fault`] and leaves the machine able to go on.
pub unsafe trait Access {
    /// Copies `bytes.len()` bytes from `address`.
    ///
    /// # Errors
    ///
    /// The first address that faulted; the bytes before it have been copied.
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault>;

    /// Copies `bytes` to `address`.
    ///
    /// # Errors
    ///
    /// The first address that faulted; the bytes before it have been written.
    fn write(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault>;

    /// Sets `length` bytes from `address` to `byte`.
    ///
    /// # Errors
    ///
    /// The first address that faulted; the bytes before it have been written.
    fn fill(&self, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault>;

    /// Tries one access without changing memory: a read of one byte, or a locked add of 0.
    ///
    /// # Errors
    ///
    /// The fault that the access took.
    fn probe(&self, address: VirtAddr, kind: AccessKind) -> Result<(), Fault>;
}

/// Invalidates translations.
///
/// # Safety
///
/// An implementor promises that on return of a flush neither the TLB nor the paging-structure
/// caches of the calling CPU hold a translation of the named pages, of any PCID, that was made from
/// entries before the call.
///
/// # Context
///
/// Flushes are called from the handler of [`interrupt`](Self::interrupt) too: they take no lock.
///
/// # Source
///
/// Intel SDM volume 3, "Invalidation of TLBs and Paging-Structure Caches".
pub unsafe trait TlbControl {
    /// Invalidates one page on the calling CPU, large or small, and all of its paging-structure caches:
    /// `invlpg` where PCIDs are off.
    fn flush_page(&self, page: Page);

    /// Invalidates everything on the calling CPU: loading CR3 where PCIDs are off and no entry of the
    /// window is global.
    fn flush_all(&self);

    /// Makes another CPU call [`Vmalloc::acknowledge`](crate::Vmalloc::acknowledge) soon, by an
    /// interrupt that wakes it if it sleeps. Its handler sees all that the caller stored before:
    /// where sending is no store that stays in order, as with an x2APIC, a fence comes first.
    fn interrupt(&self, cpu: CpuId);
}

/// Knows the CPUs.
///
/// # Safety
///
/// An implementor promises that
///
/// 1. [`count`](Self::count) never changes, and [`current`](Self::current) is below it;
/// 2. no interrupt of [`TlbControl::interrupt`] is handled on a CPU inside
///    [`without_interrupts`](Self::without_interrupts), and the code inside is neither preempted nor
///    moved to another CPU.
pub unsafe trait Cpus {
    /// Whether code is never preempted nor moved to another CPU, and no interrupt handler calls the
    /// crate but for [`Vmalloc::acknowledge`](crate::Vmalloc::acknowledge): then what a CPU counts for
    /// itself needs no atomic step.
    const IS_ALONE: bool = false;

    /// The number of CPUs, at most 64. No flush waits for a CPU that has not called
    /// [`Vmalloc::leave_idle`](crate::Vmalloc::leave_idle) yet: a CPU calls it before it loads
    /// tables that contain the window.
    fn count(&self) -> u32;

    /// The calling CPU. A hint for lists; exact only inside interrupt handlers and
    /// [`without_interrupts`](Self::without_interrupts), where no code is moved to another CPU.
    fn current(&self) -> CpuId;

    /// The NUMA node that a CPU's memory should come from.
    fn node(&self, cpu: CpuId) -> u32 {
        let _ = cpu;
        0
    }

    /// Runs `work` with interrupts off: a flush, or at most a walk over one leaf table. Calls may
    /// be nested.
    fn without_interrupts<R>(&self, work: impl FnOnce() -> R) -> R
    where
        Self: Sized;

    /// Waits a little for another CPU, for the `turn`-th time in a row from 0. Returns `false`
    /// after the time limit: `cpu` then counts as not answering, and the areas of the purge stay
    /// lazy. About a second is right.
    ///
    /// `handler` is what an interrupted CPU runs. Hardware ignores it; a machine that plays all CPUs
    /// on one thread calls it in the place of one of them.
    ///
    /// # Context
    ///
    /// One CPU waits at a time, and for one other at a time.
    fn wait(&self, cpu: CpuId, turn: u64, handler: &dyn Fn()) -> bool;
}

/// All that the crate needs of the hardware.
pub trait Machine: PhysicalMemory + Access + TlbControl + Cpus {
    /// The frame of the level-4 table that the window's tables hang from. A CPU on another one has the
    /// same level-4 entries where the window lies.
    fn root(&self) -> Frame;
}

/// Clears a frame word by word: the fastest loop where `rep stosb` is slow.
pub(crate) fn zero_frame(frame: NonNull<u8>) {
    let words = frame.cast::<u64>();
    for index in 0..FRAME_WORDS {
        // SAFETY: `PhysicalMemory::pointer` promises 4096 writable bytes at this address.
        let word = unsafe { words.add(index) };
        // SAFETY: the same, and the pointer is aligned to 4096.
        unsafe { word.write(0) };
    }
}
