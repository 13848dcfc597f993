//! The table that maps the addresses and ports of a connection to its socket.

use core::net::Ipv4Addr;

use hashbrown::HashTable;

/// The address and port of the peer, and the local port of a connection. The address of this machine is left out,
/// because the machine has only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Address of the peer.
    pub(super) address: Ipv4Addr,
    /// Port of the peer.
    pub(super) port: u16,
    /// Port of this machine.
    pub(super) local: u16,
}

/// The index of the socket of each connection. The table is allocated at boot and never grows.
#[derive(Debug)]
pub(super) struct Routes {
    table: HashTable<(Key, usize)>,
    /// Secret key of the hash function, so that peers cannot choose addresses and ports that fall into the same bucket
    /// and slow down lookups.
    seed: u64,
}

impl Routes {
    /// Allocates a table for `count` connections. Its capacity is twice as large, so that the space of removed entries
    /// can be reused without allocating.
    pub(super) fn with_capacity(count: usize, seed: u64) -> Self {
        Self { table: HashTable::with_capacity(2 * count), seed: seed | 1 }
    }

    pub(super) fn find(&self, key: Key) -> Option<usize> {
        let found = self.table.find(self.hash(key), |(other, _)| *other == key);
        found.map(|(_, index)| *index)
    }

    /// Maps `key` to the socket `index`, also if the key was mapped to another socket before.
    pub(super) fn insert(&mut self, key: Key, index: usize) {
        let hash = self.hash(key);
        if let Some(found) = self.table.find_mut(hash, |(other, _)| *other == key) {
            found.1 = index;
            return;
        }
        let seed = self.seed;
        self.table.insert_unique(hash, (key, index), |(key, _)| hash_of(seed, *key));
    }

    /// Removes `key`, unless the key is now mapped to another socket than `index`.
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

fn hash_of(seed: u64, key: Key) -> u64 {
    let Key { address, port, local } = key;
    let ends = u64::from(address.to_bits()) << 32 | u64::from(port) << 16 | u64::from(local);
    fold(seed, ends)
}

/// Hashes a value with a secret `seed`: in each of two rounds, a 128-bit product is computed and its halves are
/// combined by XOR.
pub(super) fn fold(seed: u64, value: u64) -> u64 {
    let fold = |value: u64| {
        let product = u128::from(value ^ seed) * u128::from(seed.rotate_left(29) | 1);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let halves = (product as u64, (product >> 64) as u64);
        halves.0 ^ halves.1
    };
    fold(fold(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        Key { address: Ipv4Addr::new(10, 0, 2, 2), port, local: 7379 }
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
    fn a_connection_of_another_socket_is_not_removed() {
        let mut routes = Routes::with_capacity(4, 7);
        routes.insert(key(1), 0);
        routes.insert(key(1), 1);
        routes.remove(key(1), 0);
        assert_eq!(routes.find(key(1)), Some(1));
    }
}
