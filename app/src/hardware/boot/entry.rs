//! The PVH entry point. It switches the BSP from 32-bit protected mode without paging to long mode.
//!
//! A loader finds [`pvh_start`] by an ELF note, which QEMU, Cloud Hypervisor and Firecracker read. The page tables of
//! the entry code map the first 4 GiB with all rights. They are used until [`memory::tables`](crate::hardware::memory)
//! loads the page tables with restricted rights.
//!
//! # Source
//!
//! Xen, "x86/HVM direct boot ABI"; Intel SDM volume 3, "Initializing IA-32e Mode".

#![expect(unsafe_code, reason = "the first instructions of the image, in assembly")]

use core::arch::naked_asm;
use core::cell::UnsafeCell;

use crate::hardware::memory::stacks::{self, BOOT_STACK};

pvh::xen_elfnote_phys32_entry!(pvh_start);

/// Number of bytes from address 0 that the entry code maps. The loader's records must lie in this range.
pub(super) const MAPPED_BYTES: u64 = 4 << 30;

/// The page tables of the entry code: one of level 4, one of level 3, and four of level 2, which map 2048 pages of 2
/// MiB.
#[repr(C, align(4096))]
struct EarlyTables(UnsafeCell<[[u64; 512]; 6]>);

// SAFETY: only the entry code and the MMU access the tables, while one CPU runs.
unsafe impl Sync for EarlyTables {}

static EARLY_TABLES: EarlyTables = EarlyTables(UnsafeCell::new([[0; 512]; 6]));

/// The physical address of the start info, the first record of the loader, which refers to the others.
///
/// Only the entry code creates a value. A value therefore proves that a PVH loader passed the address, and that the CPU
/// still runs on the page tables of the entry code.
#[derive(Debug)]
#[repr(transparent)]
pub struct StartInfo(u32);

impl StartInfo {
    /// Returns the physical address of the start info.
    pub(crate) fn address(self) -> u32 {
        self.0
    }
}

unsafe extern "C" {
    /// The first Rust function that runs. Each binary defines its own.
    fn image_main(start_info: StartInfo) -> !;
}

/// Entry point of the image. The loader passes the address of the start info in `ebx`.
///
/// # Safety
///
/// Only a PVH loader may call this.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.boot")]
unsafe extern "C" fn pvh_start() -> ! {
    naked_asm!(
        ".code32",
        "cli",
        "cld",
        // Clears the bss, because a loader need not do that.
        "mov edi, offset image_bss_start",
        "mov ecx, offset image_bss_end",
        "sub ecx, edi",
        "shr ecx, 2",
        "xor eax, eax",
        "rep stosd",
        // Level 2: each entry maps a writable page of 2 MiB.
        "mov edi, offset {tables} + 8192",
        "mov eax, 0x83",
        "mov ecx, 2048",
        "2:",
        "mov [edi], eax",
        "add edi, 8",
        "add eax, 0x200000",
        "dec ecx",
        "jnz 2b",
        // Level 3: the first four entries refer to the four tables of level 2.
        "mov edi, offset {tables} + 4096",
        "mov eax, offset {tables} + 8192 + 3",
        "mov ecx, 4",
        "3:",
        "mov [edi], eax",
        "add edi, 8",
        "add eax, 4096",
        "dec ecx",
        "jnz 3b",
        // Level 4: the first entry refers to the table of level 3.
        "mov edi, offset {tables}",
        "lea eax, [edi + 4096 + 3]",
        "mov [edi], eax",
        // Sets CR4.PAE alone: global entries and PCIDs stay off.
        "mov eax, 0x20",
        "mov cr4, eax",
        "mov cr3, edi",
        // Sets EFER.LME. CR0.WP and EFER.NXE are set later in Rust, before the page tables with restricted rights are
        // loaded.
        "mov ecx, 0xc0000080",
        "rdmsr",
        "or eax, 0x100",
        "wrmsr",
        // Sets PG, NE, ET, MP and PE in CR0. The caches are on.
        "mov eax, 0x80000033",
        "mov cr0, eax",
        "lgdt [4f]",
        // Enters the 64-bit code segment by a far return.
        "mov esp, offset {stack} + {stack_bytes}",
        "push 8",
        "lea eax, [5f]",
        "push eax",
        "retf",
        ".balign 8",
        "6:",
        ".quad 0",
        ".quad 0x00209a0000000000",
        ".quad 0x0000920000000000",
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
        "mov rsp, offset {stack} + {stack_bytes}",
        "xor ebp, ebp",
        "mov edi, ebx",
        "call {main}",
        "ud2",
        tables = sym EARLY_TABLES,
        stack = sym BOOT_STACK,
        stack_bytes = const stacks::GUARD_BYTES + stacks::BOOT_BYTES,
        main = sym image_main,
    )
}
