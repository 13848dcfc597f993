//! SYN cookies: sequence numbers of SYN-ACKs that encode the state of the handshake, so that no socket is needed for it
//! (RFC 4987 section 3.6).
//!
//! A cookie consists of the maximum segment size and the SACK option of the SYN, and of a keyed hash of these options,
//! the addresses and ports, the client's sequence number and the time. A SYN therefore takes no memory, and the ACK
//! proves that its sender has received the SYN-ACK. A connection that begins with a cookie uses neither window scaling
//! nor timestamps, because a cookie has no bits for these options.

use siphasher::sip::SipHasher24;
use smoltcp::time::{Duration, Instant};

use crate::net::route::Key;

/// Length of a time slot. A cookie is valid in the slot in which it was created and in the next slot, so for 64 to 128
/// s.
const SLOT: Duration = Duration::from_secs(64);

/// Maximum segment sizes that a cookie can encode: the minimum of Linux (48, 88), the sizes of RFC 9293 (536) and of
/// IPv6 (1220), and sizes of Ethernet with a tunnel (1360), a VPN (1400), PPPoE or VXLAN (1440) and without them
/// (1460).
const SEGMENT_BYTES: [u16; 8] = [48, 88, 536, 1220, 1360, 1400, 1440, 1460];

/// Number of low bits of a cookie that encode options: 3 bits for the index of a segment size, and 1 bit for SACK. The
/// 28 bits above them are the hash. Hashes of two time slots are valid, so a random number is a valid cookie with a
/// probability of 1 to 134 million.
const OPTION_BITS: u32 = 4;
const SACK_BIT: u32 = 1 << 3;

/// The options of a SYN that a cookie encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct SynOptions {
    /// Maximum segment size of the client.
    pub(in crate::net) mss: u16,
    /// Whether the client supports selective acknowledgements.
    pub(in crate::net) sack: bool,
}

impl SynOptions {
    /// Encodes the options in 4 bits. The segment size is rounded down to an entry of the table. Sizes below the
    /// smallest entry are rounded up to that entry.
    fn to_bits(self) -> u32 {
        let index = SEGMENT_BYTES.iter().rposition(|bytes| *bytes <= self.mss);
        let index = u32::try_from(index.unwrap_or(0)).unwrap_or(0);
        index | if self.sack { SACK_BIT } else { 0 }
    }

    fn from_bits(bits: u32) -> Self {
        let mss = SEGMENT_BYTES[(bits & (SACK_BIT - 1)) as usize];
        Self { mss, sack: bits & SACK_BIT != 0 }
    }
}

/// Creates and verifies cookies.
#[derive(Clone, Debug)]
pub(in crate::net) struct Cookies {
    hasher: SipHasher24,
}

impl Cookies {
    /// Creates the generator of cookies with `seed` as the secret key.
    pub(in crate::net) fn new(seed: [u64; 2]) -> Self {
        Self { hasher: SipHasher24::new_with_keys(seed[0], seed[1]) }
    }

    /// Returns the cookie that is the sequence number of the SYN-ACK. `client_number` is the sequence number of the
    /// SYN, and `offer` contains its options.
    pub(in crate::net) fn number(
        &self,
        key: &Key,
        client_number: u32,
        offer: SynOptions,
        now: Instant,
    ) -> u32 {
        self.seal(key, client_number, offer.to_bits(), slot_of(now))
    }

    /// Verifies the cookie that an ACK acknowledges, and returns the options of the SYN. `cookie` is the
    /// acknowledgement number of the ACK minus 1, and `client_number` is its sequence number minus 1. Returns `None` if
    /// the cookie is invalid or expired.
    pub(in crate::net) fn open(
        &self,
        key: &Key,
        client_number: u32,
        cookie: u32,
        now: Instant,
    ) -> Option<SynOptions> {
        let bits = cookie & ((1 << OPTION_BITS) - 1);
        let slot = slot_of(now);
        let slots = [Some(slot), slot.checked_sub(1)];
        let made_in = |slot| self.seal(key, client_number, bits, slot) == cookie;
        slots.into_iter().flatten().any(made_in).then(|| SynOptions::from_bits(bits))
    }

    fn seal(&self, key: &Key, client_number: u32, bits: u32, slot: u64) -> u32 {
        let Key { address, port, local } = *key;
        let mut bytes = [0; 21];
        bytes[..4].copy_from_slice(&address.octets());
        bytes[4..6].copy_from_slice(&port.to_be_bytes());
        bytes[6..8].copy_from_slice(&local.to_be_bytes());
        bytes[8..12].copy_from_slice(&client_number.to_be_bytes());
        bytes[12..20].copy_from_slice(&slot.to_be_bytes());
        bytes[20] = bits.to_be_bytes()[3];
        #[expect(clippy::cast_possible_truncation, reason = "28 bits of the hash are used")]
        let hash = self.hasher.hash(&bytes) as u32;
        hash << OPTION_BITS | bits
    }
}

fn slot_of(now: Instant) -> u64 {
    u64::try_from(now.total_micros()).unwrap_or(0) / SLOT.total_micros()
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
    use std::collections::HashSet;

    use super::*;

    const KEY: Key = Key { address: Ipv4Addr::new(10, 0, 2, 2), port: 50_000, local: 7379 };
    const NUMBER: u32 = 0x1234_5678;
    const OFFER: SynOptions = SynOptions { mss: 1460, sack: true };

    fn cookies() -> Cookies {
        Cookies::new([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908])
    }

    fn seconds(seconds: i64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn a_cookie_holds_the_options() {
        let cookies = cookies();
        for (offered, mss) in [
            (0, 48),
            (87, 48),
            (88, 88),
            (535, 88),
            (536, 536),
            (1300, 1220),
            (1380, 1360),
            (1410, 1400),
            (1452, 1440),
            (1460, 1460),
            (u16::MAX, 1460),
        ] {
            for sack in [false, true] {
                let cookie =
                    cookies.number(&KEY, NUMBER, SynOptions { mss: offered, sack }, seconds(7));
                let offer = cookies.open(&KEY, NUMBER, cookie, seconds(8));
                assert_eq!(offer, Some(SynOptions { mss, sack }), "offered {offered}");
            }
        }
    }

    #[test]
    fn a_cookie_with_any_other_input_is_refused() {
        let cookies = cookies();
        let cookie = cookies.number(&KEY, NUMBER, OFFER, seconds(7));
        assert!(cookies.open(&KEY, NUMBER, cookie, seconds(7)).is_some());
        let others = (0..32).map(|bit| {
            let address = Ipv4Addr::from_bits(KEY.address.to_bits() ^ 1 << bit);
            Key { address, ..KEY }
        });
        let ports = (0..16).flat_map(|bit| {
            [Key { port: KEY.port ^ 1 << bit, ..KEY }, Key { local: KEY.local ^ 1 << bit, ..KEY }]
        });
        let swapped = Key { port: KEY.local, local: KEY.port, ..KEY };
        for key in others.chain(ports).chain([swapped]) {
            assert_eq!(cookies.open(&key, NUMBER, cookie, seconds(7)), None, "{key:?}");
        }
        for bit in 0..32 {
            let refused = [
                cookies.open(&KEY, NUMBER ^ 1 << bit, cookie, seconds(7)),
                cookies.open(&KEY, NUMBER, cookie ^ 1 << bit, seconds(7)),
            ];
            assert_eq!(refused, [None, None], "bit {bit}");
        }
        for seed in [[0, 0], [0x0706_0504_0302_0100, 0], [0, 0x0f0e_0d0c_0b0a_0908]] {
            assert_eq!(Cookies::new(seed).open(&KEY, NUMBER, cookie, seconds(7)), None);
        }
    }

    #[test]
    fn a_cookie_is_valid_for_64_to_128_seconds() {
        let cookies = cookies();
        for made in [0, 1, 63, 64, 100, 1_000_000] {
            let cookie = cookies.number(&KEY, NUMBER, OFFER, seconds(made));
            let end = (made / 64 + 2) * 64;
            assert!((64..=128).contains(&(end - made)));
            for (at, is_valid) in [(made, true), (made + 64, true), (end - 1, true), (end, false)] {
                let offer = cookies.open(&KEY, NUMBER, cookie, seconds(at));
                assert_eq!(offer.is_some(), is_valid, "made at {made}, opened at {at}");
            }
            if made >= 64 {
                assert_eq!(cookies.open(&KEY, NUMBER, cookie, seconds(made - 64)), None);
            }
        }
    }

    /// At any time, 32 of the 2^32 numbers are valid cookies: one for each of 16 combinations of options in each of 2
    /// time slots. So 0.007 of a million random numbers are expected to be valid.
    #[test]
    fn guessing_does_not_succeed() {
        let cookies = cookies();
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            u32::try_from(random >> 32).unwrap()
        };
        let guess = |cookie| cookies.open(&KEY, NUMBER, cookie, seconds(70)).is_some();
        assert_eq!((0..1_000_000).filter(|_| guess(next())).count(), 0);
        let options = (0..16).map(SynOptions::from_bits);
        let valid = options.flat_map(|offer| {
            [6, 70].map(|second| cookies.number(&KEY, NUMBER, offer, seconds(second)))
        });
        let valid: HashSet<u32> = valid.collect();
        assert!(valid.len() == 32 && valid.into_iter().all(guess));
    }

    /// Each bit of the hash must be set in about half of the cookies, so that the cookie of one connection does not
    /// reveal those of similar connections.
    #[test]
    fn the_bits_of_cookies_are_spread() {
        let cookies = cookies();
        let mut ones = [0_u32; 32];
        for port in 0..10_000 {
            let cookie = cookies.number(&Key { port, ..KEY }, NUMBER, OFFER, seconds(7));
            (0..32).for_each(|bit| ones[bit] += cookie >> bit & 1);
        }
        for (bit, ones) in ones.into_iter().enumerate().skip(OPTION_BITS as usize) {
            assert!((4700..5300).contains(&ones), "bit {bit}: {ones}");
        }
    }
}
