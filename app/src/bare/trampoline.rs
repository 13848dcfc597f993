//! The first instructions of every CPU but the boot CPU: real mode in, our own tables out.
//!
//! A CPU starts in 16-bit mode at a page below 1 MiB. What lies there only reaches 32-bit mode;
//! everything else is in the image, and the page's end is the stack until there is a better one.
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

/// Bytes of [`real_mode`], padded.
const BYTES: usize = 128;

// What the CPU that starts takes over. One starts at a time.
static ROOT: AtomicU32 = AtomicU32::new(0);
static STACK: AtomicU64 = AtomicU64::new(0);
static AP: AtomicPtr<Ap> = AtomicPtr::new(core::ptr::null_mut());

/// Leaves for the next CPU that starts what it runs on and what it is.
pub(crate) fn prepare(stack: VirtAddr, ap: &'static Ap) {
    let page = direct::pointer::<[u8; BYTES]>(AP_TRAMPOLINE_ADDRESS);
    let code = (real_mode as extern "C" fn() -> !) as usize as *const [u8; BYTES];
    // SAFETY: 1. the page is RAM that the memory map keeps from everybody else. 2. `real_mode` is
    // padded to this many bytes. 3. No CPU runs there yet, or any more.
    unsafe { page.copy_from_nonoverlapping(code, 1) };
    let root = u32::try_from(control::root().as_u64());
    ROOT.store(root.expect("the first tables lie below 4 GiB"), Ordering::Relaxed);
    STACK.store(stack.as_u64(), Ordering::Relaxed);
    AP.store(core::ptr::from_ref(ap).cast_mut(), Ordering::Relaxed);
    // All of it is in memory before the command that starts the CPU is written.
    fence(Ordering::SeqCst);
}

/// Runs at [`AP_TRAMPOLINE_ADDRESS`], as a copy: its own labels are counted from there.
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

/// Goes on in 32-bit mode, in the image, without paging, and ends in 64-bit mode on our tables.
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
        // CR4.PAE alone.
        "mov eax, 0x20",
        "mov cr4, eax",
        "mov eax, [{root}]",
        "mov cr3, eax",
        // EFER: LME, NXE. Our tables have entries that nobody executes.
        "mov ecx, 0xc0000080",
        "rdmsr",
        "or eax, 0x900",
        "wrmsr",
        // CR0: PG, WP, NE, ET, MP, PE; caches on.
        "mov eax, 0x80010033",
        "mov cr0, eax",
        "lgdt [4f]",
        "push 8",
        "lea eax, [5f]",
        "push eax",
        "retf",
        // Marked as accessed already: the table is read-only.
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
