//! SYN cookies: the sequence number holds the state of a handshake (RFC 4987 section 3.6).
//!
//! The number of a SYN-ACK holds the required options of the SYN, and a keyed hash of these options, both ends, the
//! client's number and the time. So a SYN takes no memory, and the ACK proves that its sender has received the SYN-ACK.
//! Options that a cookie does not hold are not used: window scaling and timestamps.

use siphasher::sip::SipHasher24;
use smoltcp::time::{Duration, Instant};

use crate::net::route::Key;

/// Time slot of a cookie. It is valid in its slot and the next one, for 64 to 128 s.
const SLOT: Duration = Duration::from_secs(64);

/// Segment sizes that a cookie can hold: the minimum of Linux, those of RFC 9293 and of IPv6, and those of Ethernet with
/// tunnels, VPNs, VXLAN and PPPoE and without them.
const SEGMENT_BYTES: [u16; 8] = [48, 88, 536, 1220, 1360, 1400, 1440, 1460];

/// Bits of a cookie that hold options: the index of a segment size, and the bit for SACK. The 28 bits above them are
/// the hash, so a random number is a valid cookie with a probability of 1 to 134 million.
const OPTION_BITS: u32 = 4;
const SACK_BIT: u32 = 1 << 3;

/// The options of a SYN that a cookie holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct SynOptions {
    /// Maximum segment size of the client.
    pub(in crate::net) mss: u16,
    /// Whether the client supports selective acknowledgements.
    pub(in crate::net) sack: bool,
}

impl SynOptions {
    /// Encodes the options. The segment size is rounded down to one of the table, or up to the smallest one.
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
    /// Creates cookies with a secret key.
    pub(in crate::net) fn new(seed: [u64; 2]) -> Self {
        Self { hasher: SipHasher24::new_with_keys(seed[0], seed[1]) }
    }

    /// Returns the sequence number of the SYN-ACK.
    pub(in crate::net) fn number(
        &self,
        key: &Key,
        client_number: u32,
        offer: SynOptions,
        now: Instant,
    ) -> u32 {
        self.seal(key, client_number, offer.to_bits(), slot_of(now))
    }

    /// Verifies the cookie of an ACK and returns the options. The cookie is the acknowledgement number minus 1, and
    /// `client_number` is the sequence number minus 1. Returns `None` for an invalid cookie.
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

    /// Of 2^32 numbers, 32 are valid at any time: 16 options in 2 slots. So of a million random numbers 0.007 are valid.
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

    /// The number of a connection must not reveal those of similar connections.
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
