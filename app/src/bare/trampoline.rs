//! The start code of APs. It switches an AP from real mode to 64-bit mode and loads the page tables of the image.
//!
//! An AP starts in 16-bit mode at a page below 1 MiB, to which [`real_mode`] is copied. The copy switches to 32-bit
//! mode and jumps to the image. The end of the same page is used as the stack until the AP switches to its own stack.
//!
//! # Source
//!
//! Intel SDM volume 3, "Multiple-Processor Initialization".

#![expect(unsafe_code, reason = "the first instructions of a CPU, in assembly")]

use core::arch::naked_asm;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

use runtime_config::layout::AP_TRAMPOLINE_ADDRESS;
use x86_64::VirtAddr;

use crate::bare::ap::{self, Ap};
use crate::hardware::cpu::control;
use crate::hardware::memory::direct;

/// Bytes of [`real_mode`], padding included.
const BYTES: usize = 128;

// The parameters of the AP that is started. One AP is started at a time.
static ROOT: AtomicU32 = AtomicU32::new(0);
static STACK: AtomicU64 = AtomicU64::new(0);
static AP: AtomicPtr<Ap> = AtomicPtr::new(core::ptr::null_mut());

/// Sets the parameters of the next AP and copies the start code to its page.
pub(crate) fn prepare(stack: VirtAddr, ap: &'static Ap) {
    let page = direct::pointer::<[u8; BYTES]>(AP_TRAMPOLINE_ADDRESS);
    let code = (real_mode as extern "C" fn() -> !) as usize as *const [u8; BYTES];
    // SAFETY: 1. the page is RAM that the memory map reserves for this use. 2. `real_mode` is padded to
    // `BYTES` bytes. 3. No CPU executes the page at this time.
    unsafe { page.copy_from_nonoverlapping(code, 1) };
    let root = u32::try_from(control::root().as_u64());
    ROOT.store(root.expect("the first tables lie below 4 GiB"), Ordering::Relaxed);
    STACK.store(stack.as_u64(), Ordering::Relaxed);
    AP.store(core::ptr::from_ref(ap).cast_mut(), Ordering::Relaxed);
    // The stores must be visible to the AP before the command that starts the AP is sent.
    fence(Ordering::SeqCst);
}

/// Switches to 32-bit mode and jumps to [`protected_mode`]. The code runs as a copy at [`AP_TRAMPOLINE_ADDRESS`], so
/// its addresses are computed relative to that address.
#[unsafe(naked)]
#[unsafe(link_section = ".text.boot")]
extern "C" fn real_mode() -> ! {
    naked_asm!(
        ".code16",
        "1:",
        "cli",
        "cld",
        "xorw %ax, %ax",
        "movw %ax, %ds",
        "lgdtl (3f - 1b + {here})",
        "movl %cr0, %eax",
        "orl $1, %eax",
        "movl %eax, %cr0",
        "ljmpl $8, ${protected_mode}",
        ".balign 8",
        "2:",
        ".quad 0",
        ".quad 0x00cf9b000000ffff",
        ".quad 0x00cf93000000ffff",
        "3:",
        ".word 23",
        ".long 2b - 1b + {here}",
        ".space {bytes} - (. - 1b)",
        ".code64",
        here = const AP_TRAMPOLINE_ADDRESS,
        bytes = const BYTES,
        protected_mode = sym protected_mode,
        options(att_syntax),
    )
}

/// Continues in the image in 32-bit mode without paging, and switches to 64-bit mode.
#[unsafe(naked)]
#[unsafe(link_section = ".text.boot")]
extern "C" fn protected_mode() -> ! {
    naked_asm!(
        ".code32",
        "mov ax, 16",
        "mov ds, ax",
        "mov es, ax",
        "mov ss, ax",
        "mov esp, {here} + 4096",
        // Sets CR4.PAE alone.
        "mov eax, 0x20",
        "mov cr4, eax",
        "mov eax, [{root}]",
        "mov cr3, eax",
        // Sets LME and NXE in EFER. NXE is required, because the page tables use the no-execute bit.
        "mov ecx, 0xc0000080",
        "rdmsr",
        "or eax, 0x900",
        "wrmsr",
        // Sets PG, WP, NE, ET, MP and PE in CR0. The caches are on.
        "mov eax, 0x80010033",
        "mov cr0, eax",
        "lgdt [4f]",
        "push 8",
        "lea eax, [5f]",
        "push eax",
        "retf",
        // The accessed bits of the descriptors are already set, because the processor cannot set them in a read-only
        // section.
        ".balign 8",
        "6:",
        ".quad 0",
        ".quad 0x00209b0000000000",
        ".quad 0x0000930000000000",
        "4:",
        ".word 23",
        ".long 6b",
        ".code64",
        "5:",
        "mov eax, 16",
        "mov ds, eax",
        "mov es, eax",
        "mov ss, eax",
        "xor eax, eax",
        "mov fs, eax",
        "mov gs, eax",
        "mov rsp, [rip + {stack}]",
        "mov rdi, [rip + {ap}]",
        "xor ebp, ebp",
        "call {main}",
        "ud2",
        here = const AP_TRAMPOLINE_ADDRESS,
        root = sym ROOT,
        stack = sym STACK,
        ap = sym AP,
        main = sym ap::main,
    )
}
