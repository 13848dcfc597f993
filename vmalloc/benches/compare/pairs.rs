//! Measures whole pairs: a region is allocated and freed.

use vmalloc::{PAGE_BYTES, Region, Vmalloc};

use crate::machine::BenchMachine;
use crate::mapping::per_page;
use crate::settings::Settings;
use crate::table::Table;
use crate::timing;

/// The sizes of the regions in pages, from one page to eight leaf tables.
const SIZES: [u64; 6] = [1, 4, 16, 64, 256, 4096];

/// 256 MiB: memory for the largest region on each CPU, and for lazy areas.
const FRAMES: u64 = 1 << 16;

const WINDOW_PAGES: u64 = 1 << 24;

/// The number of slots: one for each frame.
const REGIONS: u32 = 1 << 16;

/// The name of a row.
pub(crate) fn name(pages: u64) -> String {
    format!("allocate and free, {pages} {}", if pages == 1 { "page" } else { "pages" })
}

pub(crate) fn measure(settings: &Settings, table: &mut Table) {
    for pages in SIZES {
        let pair = format!("{}, ns", name(pages));
        let page = format!("{}, ns per page", name(pages));
        if !table.wants(&pair) && !table.wants(&page) {
            continue;
        }
        let vmalloc = window(1).expect("one CPU is always allowed");
        let _neighbour = neighbour(&vmalloc);
        let times =
            timing::alternate(settings, &mut [Box::new(|steps| run(&vmalloc, pages, steps))]);
        table.row(&pair, Some(times[0]), None);
        if pages > 1 {
            table.row(&page, Some(per_page(times[0], pages)), None);
        }
    }
}

/// Creates a window on a machine with `cpus` CPUs.
pub(crate) fn window(cpus: u32) -> Result<Vmalloc<BenchMachine>, vmalloc::SetupError> {
    BenchMachine::new(FRAMES, cpus).set_up(WINDOW_PAGES, REGIONS)
}

/// Allocates a region of one page at the start of a new window. While it exists, the page tables above it stay
/// allocated, as in a running kernel, which always has some regions. Without it, each allocation of one page would
/// create three page tables, and each free would free them.
pub(crate) fn neighbour(vmalloc: &Vmalloc<BenchMachine>) -> Region<'_, BenchMachine> {
    vmalloc.vmalloc(PAGE_BYTES).expect("the window is new")
}

/// Allocates and frees a region `steps` times.
pub(crate) fn run(vmalloc: &Vmalloc<BenchMachine>, pages: u64, steps: u64) {
    for _ in 0..steps {
        let region = vmalloc.vmalloc(pages * PAGE_BYTES).expect("there is room for one");
        std::hint::black_box(region.address());
    }
}
