//! The machine and the window of a run, small enough that every resource runs out.

use vmalloc::sim::{self, SimMachine};
use vmalloc::{CpuId, PAGE_BYTES, Page, PageCount, PageRange, Vmalloc};
use x86_64::VirtAddr;

const GIB_PAGES: u64 = 1 << 18;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) cpus: u32,
    pub(crate) nodes: u32,
    pub(crate) frames: u64,
    /// The first page of the window, counted from the usual start.
    pub(crate) start: u64,
    /// The size of the window in pages.
    pub(crate) window: u64,
    /// The number of slots; 0 means the default, which is one for each frame of so small a machine.
    pub(crate) regions: u32,
    pub(crate) reserve: u64,
    pub(crate) seed: u64,
}

impl Shape {
    /// Decodes a shape. Every number is valid.
    pub(crate) fn from_word(word: u64) -> Self {
        let mut rest = word;
        let mut below = |end: u64| {
            let digit = rest % end;
            rest /= end;
            digit
        };
        let cpus = 1 + below(4) as u32;
        let nodes = 1 + below(2) as u32;
        // A window of many GiB needs several tables of every level.
        let window = [300, 1_500, 5_000, 1 << 20][below(4) as usize];
        let regions = [0, 40, 0, 14][below(4) as usize];
        let reserve = [0, 0, 20][below(3) as usize];
        let frames = if below(8) == 7 { 1_600 } else { 260 + below(340) };
        Self { cpus, nodes, frames, start: 0, window, regions, reserve, seed: word ^ rest }
    }

    /// Decodes a shape with frames and addresses for a few regions with large leaves.
    pub(crate) fn roomy(word: u64) -> Self {
        let frames = 4_500 + (word >> 32) % 1_000;
        // In the smaller windows many regions start at no multiple of 2 MiB.
        let window = [1_900, 2_700, 5_000, 1 << 20][(word >> 48) as usize % 4];
        Self { frames, window, ..Self::from_word(word) }
    }

    /// Decodes a shape whose window starts and ends inside 2 MiB, half a GiB or a GiB. Many regions
    /// lie at the border of a table of a higher level, and the tables behind it come and go.
    pub(crate) fn crooked(word: u64) -> Self {
        let window = [1_500, 5_000, GIB_PAGES + 900, 2 * GIB_PAGES + 3][(word >> 40) as usize % 4];
        let start = match (word >> 48) % 6 {
            0 => GIB_PAGES - 700,
            1 => GIB_PAGES / 2 - 300,
            2 => 3 * 512 + 77,
            3 => 5 * GIB_PAGES - 1,
            // The border of a level-4 entry.
            4 => 512 * GIB_PAGES - 900,
            // The last pages that a window can have.
            _ => (u64::MAX - sim::WINDOW_START) / PAGE_BYTES - window,
        };
        Self { start, window, ..Self::from_word(word) }
    }

    /// Decodes a [`crooked`](Self::crooked) shape with frames for regions with large leaves.
    pub(crate) fn crooked_roomy(word: u64) -> Self {
        Self { frames: Self::roomy(word).frames, ..Self::crooked(word) }
    }

    pub(crate) fn window(&self) -> PageRange {
        let start = VirtAddr::new(sim::WINDOW_START + self.start * PAGE_BYTES);
        let pages = PageCount::from_pages(self.window).expect("a few GiB");
        PageRange::try_new(Page::containing_address(start), pages).expect("below the end")
    }

    /// Sets the window up. Every CPU is awake, and CPU 0 is the current one.
    pub(crate) fn set_up(&self) -> Vmalloc<SimMachine> {
        let machine = SimMachine::new(self.frames, self.cpus).with_nodes(self.nodes);
        machine.speculate(self.seed, self.window.min(5_000));
        let vm = machine.set_up(self.window(), self.regions, self.reserve);
        let vm = vm.expect("the memory holds the records");
        for cpu in (0..self.cpus).rev() {
            vm.machine().on(CpuId(cpu));
            vm.leave_idle();
        }
        vm
    }
}
