//! Attempts to break the promises of the safe functions. Each test shows that its attempt does no
//! harm.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(unsafe_code, reason = "an allocator is called directly, and a machine maps memory")]
#![expect(clippy::cast_possible_truncation, reason = "the host has 64 bits, and numbers are small")]
#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod attempts {
    mod blocks;
    mod extremes;
    mod panics;
    mod storm;
    mod views;
}

#[path = "hosted/machine.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod machine;

/// Random numbers (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    /// Returns a number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    fn chance(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}
