//! The seam between the crate and the hardware: four small traits and the [`Machine`] that joins them.
//!
//! A kernel implements them once; [`sim`](crate#features) implements them on the host. Methods take `&self`
//! because a machine is shared by all CPUs. The crate asks nothing else of its surroundings: no
//! allocator, no threads, no clock.
#![expect(unsafe_code, reason = "implementing the seam is a promise")]

use core::ptr::NonNull;

use x86_64::VirtAddr;

use crate::page::{Frame, Page};

/// Dense number of a CPU, from 0. Not the hardware's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuId(pub u32);

/// What an access wanted to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch. Answered from the entries: nothing is ever executed.
    Execute,
}

/// An access that the hardware refused and that was survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first address that was refused.
    pub address: VirtAddr,
    /// What the access wanted to do.
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
pub unsafe trait PhysicalMemory {
    /// Whether [`retire`](Self::retire) wants to hear of every freed frame.
    const RETIRES: bool = false;

    /// Where the frame can be read and written.
    fn pointer(&self, frame: Frame) -> NonNull<u8>;

    /// Fills the frame with zeros. Override it with the machine's fastest way.
    ///
    /// # Safety
    ///
    /// The frame's contents are the caller's to change.
    unsafe fn zero(&self, frame: Frame) {
        crate::raw::zero_frame(self.pointer(frame));
    }

    /// Hears that the frame has gone back to the free frames; a debugging machine poisons it.
    /// Called only where [`RETIRES`](Self::RETIRES) is true.
    fn retire(&self, frame: Frame) {
        let _ = frame;
    }
}

/// Reads and writes mapped memory through the CPU's own translation, and survives a fault.
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
/// An implementor promises that on return of a flush the calling CPU holds no translation of what
/// was named, neither in its TLB nor in its paging-structure caches, that was made from entries as
/// they stood before the call.
pub unsafe trait TlbControl {
    /// Invalidates one page on the calling CPU.
    fn flush_page(&self, page: Page);

    /// Invalidates everything on the calling CPU.
    fn flush_all(&self);
}

/// Knows the CPUs.
///
/// # Safety
///
/// An implementor promises that [`count`](Self::count) never changes, that
/// [`current`](Self::current) is below it, and that a CPU for which [`runs`](Self::runs) is false
/// flushes everything before it next touches the window.
pub unsafe trait Cpus {
    /// How many CPUs there are.
    fn count(&self) -> u32;

    /// The CPU that asks. A hint only: the caller may be moved right after.
    fn current(&self) -> CpuId;

    /// Whether the CPU may hold or make translations now.
    fn runs(&self, cpu: CpuId) -> bool;
}

/// All that the crate needs of the hardware.
pub trait Machine: PhysicalMemory + Access + TlbControl + Cpus {
    /// The frame of the level-4 table that every CPU runs on.
    fn root(&self) -> Frame;
}
