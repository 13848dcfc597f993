//! Control registers: what makes read-only and no-execute mean something in ring 0.

#![expect(unsafe_code, reason = "writes control registers")]

use core::arch::asm;

use x86_64::PhysAddr;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr3, Cr3Flags, Cr4, Cr4Flags};
use x86_64::registers::model_specific::{Efer, EferFlags};
use x86_64::structures::paging::PhysFrame;

/// Makes this CPU honour read-only and no-execute entries, and keeps every translation within
/// reach of a CR3 reload.
///
/// # Context
///
/// On every CPU, before [`load_root`].
pub(crate) fn protect() {
    // SAFETY: only makes the CPU refuse more; nothing writes to read-only memory or executes data.
    unsafe { Cr0::update(|flags| flags.insert(Cr0Flags::WRITE_PROTECT)) };
    // SAFETY: as above; the image's own tables set the no-execute bit.
    unsafe { Efer::update(|flags| flags.insert(EferFlags::NO_EXECUTE_ENABLE)) };
    // SAFETY: global entries or PCIDs would survive a CR3 reload; neither is in use yet.
    unsafe { Cr4::update(|flags| flags.remove(Cr4Flags::PAGE_GLOBAL | Cr4Flags::PCID)) };
}

/// Switches to the tables below `root`.
///
/// # Safety
///
/// The tables map everything that the image uses from here on, with the same meaning.
pub(crate) unsafe fn load_root(root: PhysAddr) {
    // SAFETY: the caller answers for the tables.
    unsafe { Cr3::write(PhysFrame::containing_address(root), Cr3Flags::empty()) };
}

/// Where the stack of this CPU ends now.
#[inline(always)]
pub(crate) fn stack_pointer() -> u64 {
    let address;
    // SAFETY: only reads the register.
    unsafe { asm!("mov {}, rsp", out(reg) address, options(nomem, nostack, preserves_flags)) };
    address
}

/// The physical address of the level-4 table that this CPU walks.
pub(crate) fn root() -> PhysAddr {
    Cr3::read().0.start_address()
}
