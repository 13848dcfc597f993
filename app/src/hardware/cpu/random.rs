//! A number that an outsider cannot guess.

use x86_64::instructions::random::RdRand;

use crate::hardware::cpu::clock;

/// Tries before the processor's generator counts as dry: the manual asks for ten.
const TRIES: u32 = 10;

/// Seeds sequence numbers and hashes. Without a generator in the processor only the time of boot
/// makes it hard to guess.
pub(crate) fn seed() -> u64 {
    let random = RdRand::new().and_then(|source| (0..TRIES).find_map(|_| source.get_u64()));
    random.unwrap_or(0) ^ clock::ticks().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
