//! The PVH entry point: from 32-bit protected mode without paging to long mode.
//!
//! A loader finds [`pvh_start`] by an ELF note, so QEMU, Cloud Hypervisor and Firecracker load the
//! same file. The page tables made here map the first 4 GiB with all rights, until
//! [`memory::tables`](crate::hardware::memory) loads others.
//!
//! # Source
//!
//! Xen, "x86/HVM direct boot ABI"; Intel SDM volume 3, "Initializing IA-32e Mode".

#![expect(unsafe_code, reason = "the first instructions of the image, in assembly")]

use core::arch::naked_asm;
use core::cell::UnsafeCell;

use crate::hardware::memory::stacks::{self, BOOT_STACK};

pvh::xen_elfnote_phys32_entry!(pvh_start);

/// Bytes that the entry code maps. The loader's records must lie below.
pub(super) const MAPPED_BYTES: u64 = 4 << 30;

/// One table of level 4, one of level 3 and four of level 2, with 2048 leaves of 2 MiB.
#[repr(C, align(4096))]
struct EarlyTables(UnsafeCell<[[u64; 512]; 6]>);

// SAFETY: only the entry code and the MMU access the tables, while one CPU runs.
unsafe impl Sync for EarlyTables {}

static EARLY_TABLES: EarlyTables = EarlyTables(UnsafeCell::new([[0; 512]; 6]));

/// The physical address of the loader's records.
///
/// A value proves that a PVH loader passed the address, and that the CPU still runs on the tables of
/// the entry code, because only the entry code creates a value.
#[derive(Debug)]
#[repr(transparent)]
pub struct StartInfo(u32);

impl StartInfo {
    /// Returns the address.
    pub(crate) fn address(self) -> u32 {
        self.0
    }
}

unsafe extern "C" {
    /// The first Rust function, which the binary defines.
    fn image_main(start_info: StartInfo) -> !;
}

/// Enters the image with the address of the start info in `ebx`.
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
        // A loader need not clear the bss.
        "mov edi, offset image_bss_start",
        "mov ecx, offset image_bss_end",
        "sub ecx, edi",
        "shr ecx, 2",
        "xor eax, eax",
        "rep stosd",
        // Level 2: present, writable, 2 MiB.
        "mov edi, offset {tables} + 8192",
        "mov eax, 0x83",
        "mov ecx, 2048",
        "2:",
        "mov [edi], eax",
        "add edi, 8",
        "add eax, 0x200000",
        "dec ecx",
        "jnz 2b",
        // Level 3: its first four entries, one per table of level 2.
        "mov edi, offset {tables} + 4096",
        "mov eax, offset {tables} + 8192 + 3",
        "mov ecx, 4",
        "3:",
        "mov [edi], eax",
        "add edi, 8",
        "add eax, 4096",
        "dec ecx",
        "jnz 3b",
        // Level 4.
        "mov edi, offset {tables}",
        "lea eax, [edi + 4096 + 3]",
        "mov [edi], eax",
        // CR4.PAE alone: no global entries, no PCIDs.
        "mov eax, 0x20",
        "mov cr4, eax",
        "mov cr3, edi",
        // EFER.LME. WP and NXE are set in Rust, before the next tables are loaded.
        "mov ecx, 0xc0000080",
        "rdmsr",
        "or eax, 0x100",
        "wrmsr",
        // CR0: PG, NE, ET, MP, PE; caches on.
        "mov eax, 0x80000033",
        "mov cr0, eax",
        "lgdt [4f]",
        // A far return reaches the 64-bit segment.
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
