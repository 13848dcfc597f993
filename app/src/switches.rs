//! Applies the modes that the kernel command line selects to the `vmalloc` crate.

#![expect(unsafe_code, reason = "one of the modes gives up a guarantee")]

use runtime_config::cmdline::{Config, Flush, Frames, Pools, Realloc};
use vmalloc::{FlushMode, FrameMode, Machine, PoolMode, ReallocMode, Vmalloc};

/// Sets the modes of the window `vm` to those in `config`.
pub fn apply<M: Machine>(vm: &Vmalloc<M>, config: &Config) {
    vm.modes().set_flush(match config.flush {
        Flush::Lazy => FlushMode::Lazy,
        Flush::Eager => FlushMode::Eager,
    });
    let frames = match config.frames {
        Frames::Strict => FrameMode::Strict,
        Frames::Linux => FrameMode::Linux,
    };
    // SAFETY: the image accesses a region only between a look-up and the next free, on the CPU that does both. Only
    // the tests of stale translations access freed pages, and they run with the default.
    unsafe { vm.modes().set_frames(frames) };
    vm.modes().set_realloc(match config.realloc {
        Realloc::Move => ReallocMode::Move,
        Realloc::Copy => ReallocMode::Copy,
    });
    vm.modes().set_pools(match config.pools {
        Pools::On => PoolMode::On,
        Pools::Off => PoolMode::Off,
    });
}
