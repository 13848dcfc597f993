//! The PVH entry point: 32-bit protected mode without paging in, long mode out.
//!
//! A loader finds [`pvh_start`] by an ELF note, so QEMU, Cloud Hypervisor and Firecracker take the
//! same file. The tables made here map the first 4 GiB with every right and live only until
//! [`memory::tables`](crate::hardware::memory) loads its own.
//!
//! # Source
//!
//! Xen, "x86/HVM direct boot ABI"; Intel SDM volume 3, "Initializing IA-32e Mode".

#![expect(unsafe_code, reason = "the first instructions of the image, in assembly")]

use core::arch::naked_asm;
use core::cell::UnsafeCell;

use crate::hardware::memory::stacks::{self, BOOT_STACK};

pvh::xen_elfnote_phys32_entry!(pvh_start);

/// The entry code maps this much; the loader's records must lie below.
pub(super) const MAPPED_BYTES: u64 = 4 << 30;

/// Level 4, level 3 and four tables of level 2: 2048 leaves of 2 MiB.
#[repr(C, align(4096))]
struct EarlyTables(UnsafeCell<[[u64; 512]; 6]>);

// SAFETY: only the entry code and the MMU touch the tables, and one CPU runs then.
unsafe impl Sync for EarlyTables {}

static EARLY_TABLES: EarlyTables = EarlyTables(UnsafeCell::new([[0; 512]; 6]));

/// The physical address of the loader's records.
///
/// Holding one proves that a PVH loader passed it, and that the CPU still runs on the tables made
/// here: only the entry code makes one.
#[derive(Debug)]
#[repr(transparent)]
pub struct StartInfo(u32);

impl StartInfo {
    /// The address itself.
    pub(crate) fn address(self) -> u32 {
        self.0
    }
}

unsafe extern "C" {
    /// The entry in Rust, defined by the binary.
    fn image_main(start_info: StartInfo) -> !;
}

/// Enters the image with the address of the start info in `ebx`.
///
/// # Safety
///
/// For a PVH loader only.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.boot")]
unsafe extern "C" fn pvh_start() -> ! {
    naked_asm!(
        ".code32",
        "cli",
        "cld",
        // A loader need not clear what the file does not hold.
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
        // EFER.LME. WP and NXE follow in Rust, before our own tables are loaded.
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
