//! Reads and writes control registers, for the protection of pages in ring 0 and for the root of the page tables.

#![expect(unsafe_code, reason = "writes control registers")]

use core::arch::asm;

use x86_64::PhysAddr;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr3, Cr3Flags, Cr4, Cr4Flags};
use x86_64::registers::model_specific::{Efer, EferFlags};
use x86_64::structures::paging::PhysFrame;

/// Makes this CPU enforce read-only and no-execute pages, and ensures that a reload of CR3 flushes all translations.
///
/// # Context
///
/// On every CPU, before [`load_root`].
pub(crate) fn protect() {
    // SAFETY: restricts the CPU; no code writes to read-only memory or executes data.
    unsafe { Cr0::update(|flags| flags.insert(Cr0Flags::WRITE_PROTECT)) };
    // SAFETY: as above; the tables of the image set the no-execute bit.
    unsafe { Efer::update(|flags| flags.insert(EferFlags::NO_EXECUTE_ENABLE)) };
    // SAFETY: neither global entries nor PCIDs are in use yet. They would survive a CR3 reload.
    unsafe { Cr4::update(|flags| flags.remove(Cr4Flags::PAGE_GLOBAL | Cr4Flags::PCID)) };
}

/// Loads the page tables whose level-4 table is at `root`.
///
/// # Safety
///
/// The page tables must map all memory that the image uses afterwards, at the same addresses as the current tables.
pub(crate) unsafe fn load_root(root: PhysAddr) {
    // SAFETY: the caller guarantees that the tables are complete.
    unsafe { Cr3::write(PhysFrame::containing_address(root), Cr3Flags::empty()) };
}

/// Returns the stack pointer of this CPU.
#[inline(always)]
pub(crate) fn stack_pointer() -> u64 {
    let address;
    // SAFETY: reads the register only.
    unsafe { asm!("mov {}, rsp", out(reg) address, options(nomem, nostack, preserves_flags)) };
    address
}

/// Returns the physical address of the level-4 table that this CPU uses.
pub(crate) fn root() -> PhysAddr {
    Cr3::read().0.start_address()
}
