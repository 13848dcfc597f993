//! The machine traits on plain memory of the host, without a TLB and without poison, so that only
//! the crate is measured.
#![expect(unsafe_code, reason = "implementing the seam is a promise")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

use vmalloc::{
    Config, CpuId, CpuSet, Cpus, Frame, FrameRange, Machine, PAGE_BYTES, Page, PhysicalMemory,
    SetupError, TlbControl, Vmalloc, sim,
};
use x86_64::{PhysAddr, VirtAddr};

thread_local! {
    static CPU: Cell<u32> = const { Cell::new(0) };
}

/// Frames from physical address 0 on, in one allocation of zeros.
#[derive(Debug)]
pub(crate) struct Memory {
    base: NonNull<u8>,
    frames: u64,
}

// SAFETY: the bytes of a frame are accessed only by the owner of the frame.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    pub(crate) fn new(frames: u64) -> Self {
        let layout = Self::layout(frames);
        assert!(layout.size() > 0, "memory has frames");
        // SAFETY: the layout has a size above 0.
        let base = unsafe { alloc_zeroed(layout) };
        Self { base: NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout)), frames }
    }

    fn layout(frames: u64) -> Layout {
        let bytes = usize::try_from(frames * PAGE_BYTES).expect("the host has 64 bits");
        Layout::from_size_align(bytes, 4096).expect("a page is a power of two")
    }

    /// Returns the address of frame 0.
    pub(crate) fn base(&self) -> VirtAddr {
        VirtAddr::from_ptr(self.base.as_ptr())
    }

    /// Returns the frame with a number.
    pub(crate) fn frame(&self, number: u64) -> Frame {
        assert!(number < self.frames, "no frame {number} of {}", self.frames);
        Frame::containing_address(PhysAddr::new(number * PAGE_BYTES))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the allocation was made with the same layout.
        unsafe { dealloc(self.base.as_ptr(), Self::layout(self.frames)) };
    }
}

/// Memory and CPUs. A thread is CPU 0 until it calls [`become_cpu`](Self::become_cpu).
#[derive(Debug)]
pub(crate) struct BenchMachine {
    memory: Memory,
    cpus: u32,
}

impl BenchMachine {
    /// Creates a machine with `frames` frames, of which the first is the level-4 table.
    pub(crate) fn new(frames: u64, cpus: u32) -> Self {
        Self { memory: Memory::new(frames), cpus }
    }

    /// Binds the calling thread to a CPU.
    pub(crate) fn become_cpu(cpu: CpuId) {
        CPU.set(cpu.0);
    }

    /// Sets a window up on all frames except the level-4 table.
    pub(crate) fn set_up(self, pages: u64, regions: u32) -> Result<Vmalloc<Self>, SetupError> {
        let memory =
            [FrameRange { start: self.memory.frame(1), count: self.memory.frames - 1, node: 0 }];
        let config = Config { regions, ..Config::new(sim::window(pages), &memory) };
        // SAFETY: the machine is moved into the window, and its memory with it.
        unsafe { Vmalloc::try_new(self, &config) }
    }
}

/// The number of slots of a window whose addresses are measured.
const SLOTS: u32 = 1 << 20;

/// Creates a window whose addresses are measured: it has memory for the records, but not for the
/// areas.
pub(crate) fn for_addresses(window_pages: u64, areas: u32) -> Vmalloc<BenchMachine> {
    // As many slots as a machine of 4 GiB has, one for each frame, because areas in pools keep
    // their slots. Unused slots are never accessed.
    let slots = SLOTS.max(2 * areas);
    let frames = 1024 + u64::from(slots) / 16;
    let set_up = BenchMachine::new(frames, 1).set_up(window_pages, slots);
    set_up.expect("the memory holds the records")
}

// SAFETY: all frames are in one allocation, adjacent and aligned, as long as the machine lives.
unsafe impl PhysicalMemory for BenchMachine {
    fn pointer(&self, frame: Frame) -> NonNull<u8> {
        let offset = frame.start_address().as_u64();
        debug_assert!(offset / PAGE_BYTES < self.memory.frames, "no memory at {frame:?}");
        #[expect(clippy::cast_possible_truncation, reason = "the host has 64 bits")]
        // SAFETY: the crate has only the frames of `set_up` and the level-4 table.
        unsafe {
            self.memory.base.add(offset as usize)
        }
    }

    unsafe fn zero(&self, frame: Frame) {
        // SAFETY: the frame is 4096 bytes of the allocation, and the caller owns its contents.
        unsafe { self.pointer(frame).write_bytes(0, 4096) };
    }
}

// SAFETY: no address is ever translated, so no translation must be dropped.
unsafe impl TlbControl for BenchMachine {
    fn flush_page(&self, _page: Page) {}

    fn flush_all(&self) {}

    fn interrupt(&self, _cpus: CpuSet) {}
}

// SAFETY: the number of CPUs is fixed, every thread chooses a number below it, and there are no
// interrupts.
unsafe impl Cpus for BenchMachine {
    fn count(&self) -> u32 {
        self.cpus
    }

    fn current(&self) -> CpuId {
        CpuId(CPU.get())
    }

    #[inline(always)]
    fn without_interrupts<R>(&self, work: impl FnOnce() -> R) -> R {
        work()
    }

    fn wait(&self, _cpus: CpuSet, _turn: u64, _handler: &dyn Fn()) -> bool {
        std::hint::spin_loop();
        true
    }
}

// SAFETY: the root is fixed, and only the crate stores entries.
unsafe impl Machine for BenchMachine {
    fn root(&self) -> Frame {
        self.memory.frame(0)
    }
}
