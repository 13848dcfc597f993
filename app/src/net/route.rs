//! Whose packet it is, by its first bytes.

use core::net::Ipv4Addr;

use hashbrown::HashTable;
use smoltcp::phy::Medium;

/// Bytes of an Ethernet header, and where its type is.
const ETHERNET_BYTES: usize = 14;
const TYPE_IPV4: [u8; 2] = [0x08, 0x00];
/// What an IPv4 header says of TCP.
const PROTOCOL_TCP: u8 = 6;
/// The flag of a TCP header that begins a connection, and that of an answer.
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// The two ends of a connection, but for this machine's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The other end.
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
    /// This end's port.
    pub(super) local: u16,
}

/// What a packet seems to be. Whoever gets it looks closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// Of a connection.
    Tcp {
        /// Which one.
        key: Key,
        /// Whether it is to begin with this packet.
        begins: bool,
        /// Whether the peer takes no more bytes: its window is 0.
        is_stopped: bool,
    },
    /// Anything else.
    Other,
}

impl Packet {
    /// Looks at a packet's first bytes. What was not sent may stand behind its end.
    pub(super) fn of(bytes: &[u8], medium: Medium) -> Self {
        Self::read(bytes, medium).unwrap_or(Self::Other)
    }

    fn read(bytes: &[u8], medium: Medium) -> Option<Self> {
        let ip = if medium == Medium::Ethernet {
            let (header, rest) = bytes.split_at_checked(ETHERNET_BYTES)?;
            (header[12..] == TYPE_IPV4).then_some(rest)?
        } else {
            bytes
        };
        let first = *ip.first()?;
        let is_whole = u16::from_be_bytes([*ip.get(6)?, *ip.get(7)?]) & 0x3fff == 0;
        if first >> 4 != 4 || *ip.get(9)? != PROTOCOL_TCP || !is_whole {
            return None;
        }
        let address: [u8; 4] = *ip.get(12..)?.first_chunk()?;
        let tcp = ip.get(usize::from(first & 0xf) * 4..)?;
        let [a, b, c, d]: [u8; 4] = *tcp.first_chunk()?;
        let flags = *tcp.get(13)?;
        let [port, local] = [[a, b], [c, d]].map(u16::from_be_bytes);
        let key = Key { address: address.into(), port, local };
        let is_stopped = tcp.get(14..16)? == [0, 0];
        Some(Self::Tcp { key, begins: flags & (SYN | ACK) == SYN, is_stopped })
    }

    /// Whether the sender takes no more bytes for now.
    pub(super) fn is_stopped(self) -> bool {
        matches!(self, Self::Tcp { is_stopped: true, .. })
    }
}

/// Which socket a connection has; made at boot, and never larger.
#[derive(Debug)]
pub(super) struct Routes {
    table: HashTable<(Key, usize)>,
    /// Unknown outside, so that nobody can aim at one bucket.
    seed: u64,
}

impl Routes {
    /// Makes room for so many. Half of the table stays empty, so that it can clean up after removals
    /// without allocating.
    pub(super) fn with_capacity(count: usize, seed: u64) -> Self {
        Self { table: HashTable::with_capacity(2 * count), seed: seed | 1 }
    }

    pub(super) fn find(&self, key: Key) -> Option<usize> {
        let found = self.table.find(self.hash(key), |(other, _)| *other == key);
        found.map(|(_, index)| *index)
    }

    /// Notes a connection; what was noted of the same ends is forgotten.
    pub(super) fn insert(&mut self, key: Key, index: usize) {
        let hash = self.hash(key);
        if let Some(found) = self.table.find_mut(hash, |(other, _)| *other == key) {
            found.1 = index;
            return;
        }
        let seed = self.seed;
        self.table.insert_unique(hash, (key, index), |(key, _)| hash_of(seed, *key));
    }

    /// Forgets a connection, if it is still that socket's.
    pub(super) fn remove(&mut self, key: Key, index: usize) {
        let hash = self.hash(key);
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == (key, index)) {
            entry.remove();
        }
    }

    fn hash(&self, key: Key) -> u64 {
        hash_of(self.seed, key)
    }
}

/// Two rounds of multiplying and folding.
fn hash_of(seed: u64, key: Key) -> u64 {
    let Key { address, port, local } = key;
    let ends = u64::from(address.to_bits()) << 32 | u64::from(port) << 16 | u64::from(local);
    let fold = |value: u64| {
        let product = u128::from(value ^ seed) * u128::from(seed.rotate_left(29) | 1);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let halves = (product as u64, (product >> 64) as u64);
        halves.0 ^ halves.1
    };
    fold(fold(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        Key { address: Ipv4Addr::new(10, 0, 2, 2), port, local: 7379 }
    }

    fn tcp(begins: bool) -> Packet {
        Packet::Tcp { key: key(50_000), begins, is_stopped: false }
    }

    /// A SYN from 10.0.2.2:50000 to port 7379, with a window of 1.
    fn syn() -> Vec<u8> {
        let mut bytes = vec![0; 40];
        bytes[0] = 0x45;
        bytes[9] = 6;
        bytes[12..16].copy_from_slice(&[10, 0, 2, 2]);
        bytes[20..24].copy_from_slice(&[0xc3, 0x50, 0x1c, 0xd3]);
        bytes[33] = 0x02;
        bytes[35] = 1;
        bytes
    }

    #[test]
    fn a_packet_is_known_by_its_first_bytes() {
        let bytes = syn();
        assert_eq!(Packet::of(&bytes, Medium::Ip), tcp(true));
        let mut framed = vec![0; 14];
        framed[12] = 8;
        framed.extend(&bytes);
        assert_eq!(Packet::of(&framed, Medium::Ethernet), tcp(true));
        for (at, byte) in [(0, 0x65), (9, 17), (6, 0x20), (7, 1)] {
            let mut other = syn();
            other[at] = byte;
            assert_eq!(Packet::of(&other, Medium::Ip), Packet::Other, "byte {at}");
        }
        let mut answer = syn();
        answer[33] = 0x12;
        assert_eq!(Packet::of(&answer, Medium::Ip), tcp(false));
        answer[35] = 0;
        assert!(Packet::of(&answer, Medium::Ip).is_stopped());
        for cut in 0..36 {
            assert_eq!(Packet::of(&bytes[..cut], Medium::Ip), Packet::Other, "cut at {cut}");
        }
    }

    #[test]
    fn connections_come_and_go_without_the_table_growing() {
        let mut routes = Routes::with_capacity(16, 0x5eed);
        let bytes = routes.table.allocation_size();
        for port in 0..20_000 {
            routes.insert(key(port), usize::from(port % 16));
            if let Some(old) = port.checked_sub(15) {
                routes.remove(key(old), usize::from(old % 16));
                assert_eq!(routes.find(key(old)), None);
            }
            assert_eq!(routes.find(key(port)), Some(usize::from(port % 16)));
        }
        assert_eq!(routes.table.allocation_size(), bytes);
    }

    #[test]
    fn a_connection_that_another_socket_has_by_now_stays() {
        let mut routes = Routes::with_capacity(4, 7);
        routes.insert(key(1), 0);
        routes.insert(key(1), 1);
        routes.remove(key(1), 0);
        assert_eq!(routes.find(key(1)), Some(1));
    }
}
