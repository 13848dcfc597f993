//! Returns a secret random number.

use x86_64::instructions::random::RdRand;

use crate::hardware::cpu::clock;

/// Maximum number of tries to read the processor's random generator. The Intel SDM recommends ten.
const TRIES: u32 = 10;

/// Returns the seed of sequence numbers and hashes. If the processor has no random generator, the seed depends only on
/// the value of the TSC at boot and may be guessed.
pub(crate) fn seed() -> u64 {
    let random = RdRand::new().and_then(|source| (0..TRIES).find_map(|_| source.get_u64()));
    random.unwrap_or(0) ^ clock::ticks().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
