//! Frames that no translation reaches go back to where they came from.

use super::parts::Core;
use crate::frame::FrameChain;
use crate::machine::{CpuId, Machine};
use crate::page::LARGE_PAGES;

/// Puts frames back, single ones and blocks, that no translation reaches.
pub(super) fn mixed<M: Machine>(core: &Core<M>, cpu: CpuId, chain: FrameChain) {
    let (singles, blocks) = chain.without_blocks(core.frames.buddy.metas());
    if M::RETIRES {
        for block in blocks.frames(core.frames.buddy.metas()) {
            for offset in 0..LARGE_PAGES {
                core.machine.retire(core.frames.buddy.frame(block) + offset, false);
            }
        }
    }
    self::singles(core, cpu, singles);
    core.frames.put_large(blocks);
}

/// Puts single frames back that no translation reaches.
#[inline(never)]
pub(super) fn singles<M: Machine>(core: &Core<M>, cpu: CpuId, chain: FrameChain) {
    retire(core, &chain);
    core.frames.put(cpu, chain);
}

/// Says of single frames that no translation reaches them.
#[inline]
pub(super) fn retire<M: Machine>(core: &Core<M>, chain: &FrameChain) {
    if M::RETIRES {
        for frame in chain.frames(core.frames.buddy.metas()) {
            core.machine.retire(core.frames.buddy.frame(frame), false);
        }
    }
}

/// Puts frames back that no translation reaches and that read as zeros.
pub(super) fn zeroed<M: Machine>(core: &Core<M>, chain: FrameChain) {
    if M::RETIRES {
        for frame in chain.frames(core.frames.buddy.metas()) {
            core.machine.retire(core.frames.buddy.frame(frame), true);
        }
    }
    core.frames.put_zeroed(chain);
}
