//! Takes frames for the kernel itself, and clears free frames ahead of time.

use super::limits::Need;
use super::parts::Core;
use super::{reserve, retry};
use crate::frame::{FrameRange, FrameRequest};
use crate::machine::Machine;
use crate::page::PAGE_BYTES;
use crate::raw;
use crate::stats::Counters;

/// Takes adjacent frames for the kernel itself, for example for DMA or for a heap. They are not
/// mapped in the window, and cannot be returned. The reserve is left.
pub(super) fn take_run<M: Machine>(core: &Core<M>, frames: u64) -> Option<FrameRange> {
    let count = frames.checked_next_power_of_two().filter(|_| frames > 0)?;
    if count > core.capacity.longest_run() {
        return None;
    }
    let reserve = core.frames_reserve;
    let need = || Need { bytes: count * PAGE_BYTES, frames: count, reserve, ..Need::SLOT };
    let run = retry::retry(core, need, || {
        core.frames.take_run(count, reserve).map_err(reserve::exhausted)
    });
    let run = run.ok()?;
    for offset in 0..run.count {
        raw::clear(&core.machine, run.start + offset);
    }
    Counters::add(&core.counters.frames_heap, run.count);
    Some(run)
}

/// Clears up to `count` free frames ahead of time, for later requests of zeroed memory; meant for
/// idle CPUs. Returns the number of cleared frames.
pub(super) fn fill_zeroed<M: Machine>(core: &Core<M>, count: u64) -> u64 {
    let cpu = core.machine.current();
    let wanted = FrameRequest {
        reserve: core.frames_reserve,
        named: true,
        ..reserve::any_frames(core, cpu)
    };
    let count = count.min(core.frames.zeroed_room());
    let Ok(supply) = core.frames.take(cpu, count, &wanted) else { return 0 };
    for frame in supply.plain.frames(core.frames.buddy.metas()) {
        raw::clear(&core.machine, core.frames.buddy.frame(frame));
    }
    let count = supply.plain.count();
    core.frames.put_zeroed(supply.plain);
    core.frames.put_zeroed(supply.zeroed);
    count
}
