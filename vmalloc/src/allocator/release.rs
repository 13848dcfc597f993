//! Releases frames that no translation reaches any more.

use super::parts::Core;
use crate::frame::FrameChain;
use crate::machine::{CpuId, Machine};
use crate::page::LARGE_PAGES;
use crate::raw;

/// Releases single frames and blocks of 512 frames.
pub(super) fn mixed<M: Machine>(core: &Core<M>, cpu: CpuId, chain: FrameChain) {
    let (singles, blocks) = chain.without_blocks(core.frames.buddy.metas());
    if M::RETIRES {
        for block in blocks.frames(core.frames.buddy.metas()) {
            for offset in 0..LARGE_PAGES {
                raw::retire(&core.machine, core.frames.buddy.frame(block) + offset, false);
            }
        }
    }
    self::singles(core, cpu, singles);
    core.frames.put_large(blocks);
}

/// Releases single frames.
#[inline(never)]
pub(super) fn singles<M: Machine>(core: &Core<M>, cpu: CpuId, chain: FrameChain) {
    retire(core, &chain);
    core.frames.put(cpu, chain);
}

/// Reports single frames to the machine as free, if the machine wants these reports.
#[inline]
pub(super) fn retire<M: Machine>(core: &Core<M>, chain: &FrameChain) {
    if M::RETIRES {
        for frame in chain.frames(core.frames.buddy.metas()) {
            raw::retire(&core.machine, core.frames.buddy.frame(frame), false);
        }
    }
}

/// Releases frames that contain zeros only.
pub(super) fn zeroed<M: Machine>(core: &Core<M>, chain: FrameChain) {
    if M::RETIRES {
        for frame in chain.frames(core.frames.buddy.metas()) {
            raw::retire(&core.machine, core.frames.buddy.frame(frame), true);
        }
    }
    core.frames.put_zeroed(chain);
}
