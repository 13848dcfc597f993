//! A machine on the host that can catch bugs.
//!
//! - Physical memory starts at an address that is never a valid pointer.
//! - Fresh and freed frames hold poison, and a write into a freed frame is found.
//! - The MMU walks on its own, from the manual, and shares no code with the crate's tables.
//! - TLBs and paging-structure caches keep what they have seen until they are flushed.
//! - Between any two steps of the crate it may walk speculatively, and set accessed bits.
//!
//! Tests read and write regions through a CPU's TLB: a translation that should have been flushed
//! reaches poison or somebody else's bytes, and the test fails.

mod access;
mod memory;
mod mmu;
mod walker;

use std::collections::HashSet;
use std::sync::Mutex;
use std::vec::Vec;

use x86_64::VirtAddr;

use crate::allocator::Vmalloc;
use crate::error::SetupError;
use crate::frame::FrameRange;
use crate::machine::{CpuId, Cpus, Machine, TlbControl};
use crate::page::{Frame, Page, PageCount, PageRange};
use crate::setup::Config;

use memory::Memory;
use mmu::Caches;

/// Where [`window`] starts: as in the image.
pub const WINDOW_START: u64 = 0xffff_c900_0000_0000;

/// A window of so many pages.
///
/// # Panics
///
/// If the pages leave the upper half.
#[must_use]
pub fn window(pages: u64) -> PageRange {
    let start = Page::containing_address(VirtAddr::new(WINDOW_START));
    let count = PageCount::from_pages(pages).expect("a window has a size");
    PageRange::try_new(start, count).expect("a window lies in the upper half")
}

/// Physical memory, an MMU and TLBs.
#[derive(Debug)]
pub struct SimMachine {
    memory: Memory,
    cpus: Mutex<Vec<Caches>>,
    speculation: Mutex<Speculation>,
}

/// Where and how eagerly the machine walks on its own.
#[derive(Debug, Default)]
struct Speculation {
    state: u64,
    pages: u64,
}

impl Speculation {
    /// A number from a fixed sequence (xorshift).
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

impl SimMachine {
    /// Makes `frames` frames of memory, of which one is the root table, and `cpus` CPUs.
    #[must_use]
    pub fn new(frames: u64, cpus: u32) -> Self {
        Self {
            memory: Memory::new(frames),
            cpus: Mutex::new((0..cpus).map(|_| Caches::default()).collect()),
            speculation: Mutex::new(Speculation::default()),
        }
    }

    /// Sets a window up on all of the machine's memory, with limits as in [`Config`].
    ///
    /// # Errors
    ///
    /// As [`Vmalloc::try_new`].
    pub fn set_up(
        self,
        window: PageRange,
        regions: u32,
        reserve: u64,
    ) -> Result<Vmalloc<Self>, SetupError> {
        let memory = self.memory();
        let config = Config { regions, reserve, ..Config::new(window, &memory) };
        #[expect(unsafe_code, reason = "gives the memory away")]
        // SAFETY: the machine is moved into the window, and its memory with it.
        unsafe {
            Vmalloc::try_new(self, &config)
        }
    }

    /// All frames but the root table.
    pub(crate) fn memory(&self) -> [FrameRange; 1] {
        [self.memory.free()]
    }

    /// From now on walks speculatively in the first `pages` of the window, after `seed`.
    ///
    /// # Panics
    ///
    /// If a thread has panicked inside the machine.
    pub fn speculate(&self, seed: u64, pages: u64) {
        let mut speculation = self.speculation.lock().expect("no test panics inside");
        *speculation = Speculation { state: seed | 1, pages };
    }

    /// The translations that a CPU's TLB holds.
    ///
    /// # Panics
    ///
    /// If there is no such CPU.
    #[must_use]
    pub fn translations(&self, cpu: CpuId) -> Vec<(Page, Frame)> {
        self.cpus.lock().expect("no test panics inside")[cpu.0 as usize].translations()
    }

    /// A freed frame that was written to since, other than those that are mapped again.
    #[must_use]
    pub fn spoilt(&self, mapped: &HashSet<Frame>) -> Option<Frame> {
        self.memory.spoilt(|frame| mapped.contains(&frame))
    }

    /// A frame that is freed must be out of every CPU's reach.
    fn assert_forgotten(&self, frame: Frame) {
        for caches in self.cpus.lock().expect("no test panics inside").iter() {
            assert!(!caches.reach(frame), "{frame:?} is freed, and a CPU still reaches it");
        }
    }

    /// One speculative walk, perhaps.
    fn wander(&self) {
        let (page, chance) = {
            let mut speculation = self.speculation.lock().expect("no test panics inside");
            if speculation.pages == 0 {
                return;
            }
            let page = speculation.next() % speculation.pages;
            (page, speculation.next() % 4)
        };
        if chance == 0 {
            let page = Page::containing_address(VirtAddr::new(WINDOW_START)) + page;
            let mut cpus = self.cpus.lock().expect("no test panics inside");
            for caches in cpus.iter_mut() {
                let _ = caches.fill(&self.memory, page);
            }
        }
    }
}

#[expect(unsafe_code, reason = "the seam's traits are promises")]
// SAFETY: a flush drops the entries of the named pages, and all upper entries with them.
unsafe impl TlbControl for SimMachine {
    fn flush_page(&self, page: Page) {
        self.wander();
        self.cpus.lock().expect("no test panics inside")[0].drop_page(page);
    }

    fn flush_all(&self) {
        self.wander();
        self.cpus.lock().expect("no test panics inside")[0].drop_all();
        // What is linked after the flush is remembered again at once.
        self.wander();
    }
}

#[expect(unsafe_code, reason = "the seam's traits are promises")]
// SAFETY: the number of CPUs is fixed, and all of them run.
unsafe impl Cpus for SimMachine {
    fn count(&self) -> u32 {
        u32::try_from(self.cpus.lock().expect("no test panics inside").len()).unwrap_or(u32::MAX)
    }

    fn current(&self) -> CpuId {
        CpuId(0)
    }

    fn runs(&self, _cpu: CpuId) -> bool {
        true
    }
}

impl Machine for SimMachine {
    fn root(&self) -> Frame {
        self.memory.root()
    }
}
