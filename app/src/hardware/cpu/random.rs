//! A secret random number.

use x86_64::instructions::random::RdRand;

use crate::hardware::cpu::clock;

/// Maximum tries of the processor's generator. The manual recommends ten.
const TRIES: u32 = 10;

/// Returns the seed of sequence numbers and hashes. Without a generator in the processor, the seed depends
/// on the time of boot only.
pub(crate) fn seed() -> u64 {
    let random = RdRand::new().and_then(|source| (0..TRIES).find_map(|_| source.get_u64()));
    random.unwrap_or(0) ^ clock::ticks().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
