//! Measures page tables only: maps and unmaps a range whose tables stay, without flushes.
#![expect(unsafe_code, reason = "a peer works on a table that it does not own")]

use vmalloc::bench::Pages;
use vmalloc::{Frame, PAGE_BYTES, Page, PageCount, sim};
use x86_64::PhysAddr;
use x86_64::structures::paging::{
    FrameAllocator, Mapper, OffsetPageTable, PageTable, PageTableFlags, Size4KiB,
};

use crate::machine::{BenchMachine, Memory};
use crate::settings::Settings;
use crate::table::Table;
use crate::timing;

/// Half a leaf table, and eight leaf tables.
const SIZES: [u64; 2] = [256, 4096];

/// The number of frames for records and tables, which is more than they need.
const SPARE_FRAMES: u64 = 1024;

/// The name of a row.
pub(crate) fn name(pages: u64) -> String {
    format!("map and unmap, {pages} pages")
}

pub(crate) fn measure(settings: &Settings, table: &mut Table) {
    for pages in SIZES {
        let what = format!("{}, ns per page, against x86_64's OffsetPageTable", name(pages));
        if !table.wants(&what) {
            continue;
        }
        let (mut ours, mut peer) = (ours(pages), Peer::new(pages));
        let times = timing::alternate(
            settings,
            &mut [Box::new(|steps| run_ours(&mut ours, steps)), Box::new(|steps| peer.run(steps))],
        );
        table.row(&what, Some(per_page(times[0], pages)), Some(per_page(times[1], pages)));
    }
}

/// Divides the time of a pair by its number of pages.
#[expect(clippy::cast_precision_loss, reason = "few pages")]
pub(crate) fn per_page(pair: f64, pages: u64) -> f64 {
    pair / pages as f64
}

/// Creates a range that the crate maps.
pub(crate) fn ours(pages: u64) -> Pages<BenchMachine> {
    let machine = BenchMachine::new(pages + SPARE_FRAMES, 1);
    let vmalloc = machine.set_up(2 * pages, 16).expect("the memory holds the records");
    Pages::new(vmalloc, PageCount::from_pages(pages).expect("few pages"))
}

/// Maps and unmaps the range `steps` times.
pub(crate) fn run_ours(ours: &mut Pages<BenchMachine>, steps: u64) {
    for _ in 0..steps {
        ours.map();
        ours.unmap();
    }
}

/// The same range, mapped by the `x86_64` crate.
#[derive(Debug)]
pub(crate) struct Peer {
    memory: Memory,
    tables: Tables,
    pages: u64,
}

/// Returns frames in order. No frame is returned to it, because the tables stay.
#[derive(Debug)]
struct Tables {
    next: Frame,
}

// SAFETY: every frame is returned once, and no other code uses the frames behind the mapped ones.
unsafe impl FrameAllocator<Size4KiB> for Tables {
    fn allocate_frame(&mut self) -> Option<Frame> {
        let frame = self.next;
        self.next += 1;
        Some(frame)
    }
}

impl Peer {
    /// Creates the range. Frame 0 is the level-4 table, the next frames are mapped, and the frames
    /// behind them become tables.
    pub(crate) fn new(pages: u64) -> Self {
        let memory = Memory::new(1 + pages + SPARE_FRAMES);
        let tables = Tables { next: memory.frame(1 + pages) };
        Self { memory, tables, pages }
    }

    /// Maps and unmaps the range `steps` times.
    pub(crate) fn run(&mut self, steps: u64) {
        let offset = self.memory.base();
        let root: *mut PageTable = offset.as_mut_ptr();
        // SAFETY: frame 0 is zeros, which is an empty table, and only `self` knows it.
        let root = unsafe { &mut *root };
        // SAFETY: physical addresses are offsets in the memory.
        let mut mapper = unsafe { OffsetPageTable::new(root, offset) };
        let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
        let start = Page::containing_address(sim::window(1).address());
        for _ in 0..steps {
            for number in 0..self.pages {
                let frame = Frame::containing_address(PhysAddr::new((1 + number) * PAGE_BYTES));
                // SAFETY: no code reads through the tables, so no memory is aliased.
                let mapped =
                    unsafe { mapper.map_to(start + number, frame, flags, &mut self.tables) };
                mapped.expect("the page is free").ignore();
            }
            for number in 0..self.pages {
                let (_, flush) = mapper.unmap(start + number).expect("the page is mapped");
                flush.ignore();
            }
        }
    }
}
