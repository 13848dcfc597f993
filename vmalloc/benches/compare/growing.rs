//! Measures how a region of 64 MiB grows by 1 MiB if it must move: by moving its entries, or by
//! copying its bytes.

use std::time::Instant;

use vmalloc::{PAGE_BYTES, ReallocMode, Resize, Resized, Vmalloc};

use crate::machine::BenchMachine;
use crate::settings::Settings;
use crate::table::Table;
use crate::timing;

const WHAT: &str = "grow 64 MiB by 1 MiB, us, by moving entries against copying";

const MIB: u64 = 1 << 20;

/// Memory for twice the region, which a copy needs, and for lazy areas.
const FRAMES: u64 = 4 * 65 * MIB / PAGE_BYTES;

const WINDOW_PAGES: u64 = 1 << 24;

pub(crate) fn measure(settings: &Settings, table: &mut Table) {
    if !table.wants(WHAT) {
        return;
    }
    let machine = BenchMachine::new(FRAMES, 1);
    let vmalloc = machine.set_up(WINDOW_PAGES, 0).expect("the memory holds the records");
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..settings.rounds() {
        let modes = [(ReallocMode::Move, Resized::Moved), (ReallocMode::Copy, Resized::Copied)];
        for ((mode, how), times) in modes.into_iter().zip(&mut rounds) {
            times.push(once(&vmalloc, mode, how));
        }
    }
    let [moving, copying] = rounds.each_mut().map(|times| timing::median(times));
    table.row(WHAT, Some(moving), Some(copying));
}

/// Measures one growth in microseconds.
fn once(vmalloc: &Vmalloc<BenchMachine>, mode: ReallocMode, how: Resized) -> f64 {
    let mut region = vmalloc.vmalloc(64 * MIB).expect("the window is empty");
    let behind = vmalloc.vmalloc(PAGE_BYTES).expect("there is room");
    let wish = Resize::to(65 * MIB).mode(mode);
    let start = Instant::now();
    let result = region.resize(&wish);
    let elapsed = start.elapsed();
    assert_eq!(result, Ok(how), "the addresses behind are taken");
    drop((region, behind));
    vmalloc.reclaim();
    elapsed.as_secs_f64() * 1e6
}
