//! Prepares memory, a device tree and a stack for Hermit, and enters Hermit on the BSP.

#![expect(unsafe_code, reason = "hands out static memory and leaves for Hermit's entry")]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::convert::Infallible;
use core::fmt::{self, Write};

use arrayvec::ArrayString;
use runtime_config::ports::COM1_IO;

use super::record::BootRecord;
use crate::hardware::boot::info::BootInfo;
use crate::hardware::cpu::clock;
use crate::hardware::memory::stacks::{self, BOOT_STACK, GuardedStack};
use crate::hardware::memory::tables::{self, MapError};
use crate::hardware::memory::walk;
use crate::hermit::abi;
use crate::platform::device_tree::{BufferFull, DeviceTree};
use crate::platform::memory_map::MemoryMap;
use crate::platform::span::Span;

/// Bytes of memory for Hermit. Hermit uses nine tenths as its heap, and the rest for stacks of threads and page tables.
const SHARE_BYTES: u64 = 32 << 20;
/// Further bytes of memory for each CPU, because the thread of a CPU takes 160 KiB outside the heap.
const SHARE_BYTES_PER_CPU: u64 = 512 << 10;
/// Bytes of the RSDP, the root of the ACPI tables, in revision 2.
const RSDP_BYTES: u64 = 36;
const LARGE_PAGE_BYTES: u64 = 2 << 20;
/// `KERNEL_STACK_SIZE` of Hermit. Hermit's entry code expects the lowest address of a stack of this size.
const STACK_BYTES: usize = 32 << 10;
/// Bytes of the buffer for the device tree. The tree has four nodes and about 400 bytes.
const TREE_BYTES: usize = 1024;
/// The `compatible` property of the root node. Hermit only tests whether it is `hermit,uefi`.
const COMPATIBLE: &str = "hermit,pvh";

/// The stack on which Hermit boots. Later the stack of Hermit's idle task on the BSP.
static STACK: GuardedStack<STACK_BYTES> = GuardedStack::new();

#[repr(C, align(8))]
struct Tree(UnsafeCell<[u8; TREE_BYTES]>);

// SAFETY: the BSP alone writes the tree, once, before Hermit starts and reads it.
unsafe impl Sync for Tree {}

static TREE: Tree = Tree(UnsafeCell::new([0; TREE_BYTES]));

/// Declares the guard page of Hermit's first stack.
pub(super) fn declare_stacks() {
    stacks::declare([("entry", BOOT_STACK.guard()), ("Hermit's first", STACK.guard())]);
}

/// Takes memory for Hermit from `free`: the first bytes behind the image that are mapped with pages of 2 MiB, because
/// Hermit maps its memory with pages of this size.
///
/// # Errors
///
/// The memory there is not free or too small.
pub(super) fn share(free: &mut MemoryMap, cpus: usize) -> Result<Span, NoHandover> {
    let bytes = SHARE_BYTES + SHARE_BYTES_PER_CPU * cpus as u64;
    let share = Span::from_bytes(tables::fine_end(), bytes.next_multiple_of(LARGE_PAGE_BYTES));
    if !free.spans().iter().any(|span| span.intersection(share) == share) {
        return Err(NoHandover::Memory { share });
    }
    free.remove(share);
    Ok(share)
}

/// Enters Hermit. Returns only after an error.
///
/// # Errors
///
/// See [`NoHandover`].
pub(super) fn start(info: &BootInfo, image: Span, share: Span) -> Result<Infallible, NoHandover> {
    let rsdp = info.rsdp.ok_or(NoHandover::NoAcpi)?;
    // Hermit reads the RSDP at its physical address, which must therefore be mapped. RAM is already mapped.
    match tables::map_device(Span::from_bytes(rsdp, RSDP_BYTES)) {
        Ok(()) | Err(MapError::Ram { .. }) => {}
        Err(error) => return Err(NoHandover::Map(error)),
    }
    if [rsdp, rsdp + RSDP_BYTES - 1].iter().any(|byte| walk::translate(*byte).is_none()) {
        return Err(NoHandover::Unmapped { rsdp });
    }
    // SAFETY: see `Tree`.
    let buffer = unsafe { &mut *TREE.0.get() };
    let tree = buffer.as_ptr().addr() as u64;
    write_tree(buffer, share, rsdp)?;
    // Hermit regards all bytes from `image.start` to `image.end` as used.
    let record = BootRecord::new(share, COM1_IO, tree, image);
    // SAFETY: 1. Hermit's entry takes the record in `rdi`, the number of the CPU in `esi` and the lowest address of
    // its stack in `rsp`. 2. It copies the record from the old stack before that stack is reused.
    unsafe {
        asm!(
            "mov rsp, {stack}",
            "xor ebp, ebp",
            "xor esi, esi",
            "jmp {entry}",
            stack = in(reg) STACK.bottom().as_u64(),
            entry = sym abi::_start,
            in("rdi") &raw const record,
            options(noreturn),
        );
    }
}

fn write_tree(buffer: &mut [u8], share: Span, rsdp: u64) -> Result<(), NoHandover> {
    let mut tree = DeviceTree::begin(buffer, COMPATIBLE)?;
    tree.memory(share.start, share.bytes())?;
    tree.place("hermit,rsdp", rsdp, 1)?;
    // The frequency of the TSC is passed as an argument, because Hermit cannot determine it under QEMU and would use a
    // wrong value.
    let mut arguments = ArrayString::<16>::new();
    if let Some(measured) = clock::measure(|| 0) {
        write!(arguments, "-freq {}", measured.tsc_hz / 1_000_000).map_err(|_| NoHandover::Tree)?;
    }
    tree.end(&arguments).map(drop).map_err(NoHandover::from)
}

/// Reasons why Hermit cannot be entered.
#[derive(Clone, Copy, Debug)]
pub(super) enum NoHandover {
    /// The memory that Hermit needs behind the image is not free.
    Memory {
        /// The memory that Hermit needs.
        share: Span,
    },
    /// The loader passes no ACPI tables.
    NoAcpi,
    /// The ACPI tables cannot be mapped.
    Map(MapError),
    /// The root of the ACPI tables lies on a page that is only partly RAM.
    Unmapped {
        /// Address of the root.
        rsdp: u64,
    },
    /// The device tree does not fit into its buffer.
    Tree,
}

impl From<BufferFull> for NoHandover {
    fn from(_: BufferFull) -> Self {
        Self::Tree
    }
}

impl fmt::Display for NoHandover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { share } => {
                write!(
                    f,
                    "Hermit needs {} MiB of memory from {:#x}",
                    share.bytes() >> 20,
                    share.start
                )
            }
            Self::NoAcpi => f.write_str("Hermit needs ACPI tables, and the loader names none"),
            Self::Map(error) => error.fmt(f),
            Self::Unmapped { rsdp } => {
                write!(f, "the ACPI tables' root at {rsdp:#x} cannot be mapped for Hermit")
            }
            Self::Tree => write!(f, "Hermit's device tree has more than {TREE_BYTES} bytes"),
        }
    }
}
