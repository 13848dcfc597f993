//! A machine whose window can be dereferenced on the host: frames are pages of a file in memory, and
//! translations are mappings of that file.
//!
//! The window is reserved without access. The first access to a page faults; the handler walks the
//! page tables of the crate and maps the frame that they name. A flush removes such mappings. So
//! the host's mappings act as a TLB: a stale translation stays until it is flushed.
//!
//! Linux on x86_64 only. Windows are never released, because the handler looks for them.
#![expect(clippy::cast_possible_truncation, reason = "the host has 64 bits")]
#![expect(clippy::cast_possible_wrap, reason = "offsets in the file are small")]

use std::ptr::{NonNull, null_mut};
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use libc::{c_int, c_void};
use vmalloc::{
    Config, CpuId, CpuSet, Cpus, Direct, Frame, FrameRange, Machine, Page, PageCount, PageRange,
    PhysicalMemory, TlbControl, Vmalloc,
};
use x86_64::{PhysAddr, VirtAddr};

const PAGE: usize = 4096;

/// The first address of the first window. Each machine has a window of its own, because all share
/// one address space.
const WINDOWS_START: u64 = 0xffff_c900_0000_0000;
const WINDOW_BYTES: usize = 1 << 39;

/// The bits that the lower half lacks: a pointer is the address of the window without them.
const HIGHER_HALF: u64 = 0xffff_8000_0000_0000;

/// The windows that the handler of faults knows.
static WINDOWS: [AtomicPtr<Window>; 64] = [const { AtomicPtr::new(null_mut()) }; 64];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The memory of a machine and its window.
#[derive(Debug)]
struct Window {
    /// The file whose pages are the frames.
    file: c_int,
    /// The address at which all frames are mapped.
    frames: NonNull<u8>,
    /// The address at which the window is mapped.
    start: usize,
    bytes: usize,
    /// The number of pages that faulted and were mapped.
    filled: AtomicU64,
}

// SAFETY: the pointer is the same for all threads, and its memory is accessed only by the crate and
// as atomics.
unsafe impl Sync for Window {}

/// A machine with two CPUs, of which the second one has not started. A CPU never handles interrupts.
#[derive(Debug)]
pub(crate) struct HostedMachine {
    window: &'static Window,
    address: u64,
    frames: u64,
    /// The CPU of the test, which is one thread.
    cpu: AtomicU32,
}

impl HostedMachine {
    /// Sets up a window of `pages` pages over `frames` frames.
    pub(crate) fn set_up(frames: u64, pages: u64) -> Vmalloc<Self> {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(catch_faults);
        let index = COUNT.fetch_add(1, Ordering::SeqCst);
        let address = WINDOWS_START + (index * WINDOW_BYTES) as u64;
        let bytes = frames as usize * PAGE;
        // SAFETY: the name is a string that ends with 0.
        let file = unsafe { libc::memfd_create(c"frames".as_ptr(), 0) };
        // SAFETY: changes the size of the file only.
        let sized = unsafe { libc::ftruncate(file, bytes as i64) };
        assert!(file >= 0 && sized == 0, "no memory for {frames} frames");
        let both = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address that the host chooses.
        let base = unsafe { libc::mmap(null_mut(), bytes, both, libc::MAP_SHARED, file, 0) };
        assert_ne!(base, libc::MAP_FAILED);
        let window = Window {
            file,
            frames: NonNull::new(base.cast()).unwrap(),
            start: (address & !HIGHER_HALF) as usize,
            bytes: pages as usize * PAGE,
            filled: AtomicU64::new(0),
        };
        window.forget(window.start, window.bytes);
        let window: &'static Window = Box::leak(Box::new(window));
        WINDOWS[index].store(std::ptr::from_ref(window).cast_mut(), Ordering::SeqCst);

        // Frame 0 is the level-4 table.
        let memory = [FrameRange { start: frame(1), count: frames - 1, node: 0 }];
        let start = Page::containing_address(VirtAddr::new(address));
        let range = PageRange::try_new(start, PageCount::from_pages(pages).unwrap()).unwrap();
        let machine = Self { window, address, frames, cpu: AtomicU32::new(0) };
        // SAFETY: the memory belongs to this machine.
        unsafe { Vmalloc::try_new(machine, &Config::new(range, &memory)) }.unwrap()
    }

    /// Makes `cpu` the current CPU.
    pub(crate) fn on(&self, cpu: CpuId) {
        assert!(cpu.0 < self.count(), "there is no {cpu:?}");
        self.cpu.store(cpu.0, Ordering::SeqCst);
    }

    /// Returns the number of pages that were mapped after a fault.
    pub(crate) fn filled(&self) -> u64 {
        self.window.filled.load(Ordering::SeqCst)
    }
}

fn frame(number: u64) -> Frame {
    Frame::containing_address(PhysAddr::new(number * PAGE as u64))
}

impl Window {
    /// Replaces mappings by addresses without access.
    fn forget(&self, start: usize, bytes: usize) {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: the addresses belong to the window, which no other code of the process uses.
        let at =
            unsafe { libc::mmap(std::ptr::without_provenance_mut(start), bytes, 0, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED);
    }

    /// Returns the entry for a pointer, and the level of its table.
    fn walk(&self, pointer: usize) -> Option<(u64, u32)> {
        let mut table = 0;
        for level in (1..=4).rev() {
            // The higher half has the upper 256 entries of the level-4 table.
            let address = pointer | HIGHER_HALF as usize;
            let index = address >> (12 + 9 * (level - 1)) & 511;
            // SAFETY: the walk begins in frame 0, and entries name frames of this machine only.
            let place = unsafe { self.frames.add(table + index * 8) };
            // SAFETY: tables are accessed as atomics only.
            let entry = unsafe { place.cast::<AtomicU64>().as_ref() }.load(Ordering::Acquire);
            if entry & 1 == 0 {
                return None;
            }
            if level == 1 || entry & 0x80 != 0 {
                return Some((entry, level));
            }
            table = (entry & 0x000f_ffff_ffff_f000) as usize;
        }
        None
    }

    /// Maps the frame of a page, as the entries allow. Returns `false` if they do not.
    fn fill(&self, pointer: usize, is_write: bool) -> bool {
        let Some((entry, level)) = self.walk(pointer) else { return false };
        let may_write = entry & 2 != 0;
        if is_write && !may_write {
            return false;
        }
        let page = pointer & !(PAGE - 1);
        let inside = page & ((PAGE << (9 * (level - 1))) - 1);
        let offset = (entry & 0x000f_ffff_ffff_f000) as usize + inside;
        let rights = libc::PROT_READ | if may_write { libc::PROT_WRITE } else { 0 };
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let at = std::ptr::without_provenance_mut(page);
        self.filled.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the page belongs to the window, which no other code of the process uses.
        let mapped = unsafe { libc::mmap(at, PAGE, rights, flags, self.file, offset as i64) };
        mapped != libc::MAP_FAILED
    }
}

fn catch_faults() {
    // SAFETY: all-zero bytes are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: the handler only reads the tables and calls `mmap`.
    let result = unsafe { libc::sigaction(libc::SIGSEGV, &action, null_mut()) };
    assert_eq!(result, 0);
}

extern "C" fn on_fault(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the host passes valid pointers to the handler.
    let info = unsafe { &*info };
    // SAFETY: a fault has an address.
    let pointer = unsafe { info.si_addr() } as usize;
    // SAFETY: as above; with `SA_SIGINFO` the third argument is a `ucontext_t`.
    let error =
        unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs }[libc::REG_ERR as usize];
    // SAFETY: windows are never released.
    let known = WINDOWS.iter().filter_map(|slot| unsafe { slot.load(Ordering::SeqCst).as_ref() });
    let mut here = known.filter(|window| pointer.wrapping_sub(window.start) < window.bytes);
    if here.next().is_some_and(|window| window.fill(pointer, error & 2 != 0)) {
        return;
    }
    // SAFETY: with the default action the access faults again, and ends the process.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
}

// SAFETY: every frame is mapped once, at its own place.
unsafe impl PhysicalMemory for HostedMachine {
    fn pointer(&self, frame: Frame) -> NonNull<u8> {
        let number = frame.start_address().as_u64() / PAGE as u64;
        assert!(number < self.frames, "there is no frame {number}");
        // SAFETY: the frame lies in the mapping.
        unsafe { self.window.frames.add(number as usize * PAGE) }
    }
}

// SAFETY: mappings of the host are removed, and there is no other TLB that keeps translations.
unsafe impl TlbControl for HostedMachine {
    fn flush_page(&self, page: Page) {
        // A leaf of 2 MiB is mapped in parts.
        let large = 512 * PAGE;
        let offset = (page.start_address().as_u64() - self.address) as usize & !(large - 1);
        let bytes = large.min(self.window.bytes - offset);
        self.window.forget(self.window.start + offset, bytes);
    }

    fn flush_all(&self) {
        self.window.forget(self.window.start, self.window.bytes);
    }

    fn interrupt(&self, _cpus: CpuSet) {}
}

// SAFETY: one thread is all CPUs, and interrupts are never sent.
unsafe impl Cpus for HostedMachine {
    fn count(&self) -> u32 {
        2
    }

    fn current(&self) -> CpuId {
        CpuId(self.cpu.load(Ordering::SeqCst))
    }

    fn without_interrupts<R>(&self, work: impl FnOnce() -> R) -> R {
        work()
    }

    fn wait(&self, _cpus: CpuSet, _turn: u64, _handler: &dyn Fn()) -> bool {
        false
    }
}

// SAFETY: the root is fixed, and only the crate stores entries.
unsafe impl Machine for HostedMachine {
    fn root(&self) -> Frame {
        frame(0)
    }
}

// SAFETY: the handler of faults translates pointers by the tables below `root`.
unsafe impl Direct for HostedMachine {
    const DISPLACEMENT: u64 = 0_u64.wrapping_sub(HIGHER_HALF);
}
