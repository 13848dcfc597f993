//! The table of neighbours with their hardware addresses, and the times of ARP requests (RFC 826, RFC 1122 section
//! 2.3.2.1; an entry passes through states like those of RFC 4861 section 7.3).
//!
//! Packets received on a connection confirm the entry of its neighbour. An entry with a connection is never evicted in
//! favour of a machine without one, so a scan of the network cannot interrupt connections. Each neighbour is asked at
//! most once a second.

#[cfg(test)]
mod tests;

use core::net::Ipv4Addr;

use hashbrown::HashTable;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

use crate::net::liveness::NEVER;
use crate::net::route;

/// Time after its confirmation for which an address is used without a new ARP request.
const FRESH: Duration = Duration::from_secs(30);

/// Time for which an entry is protected from eviction after a connection has used it.
const KEPT: Duration = Duration::from_secs(60);

/// Time between two ARP requests to one neighbour.
const ASK_PAUSE: Duration = Duration::from_secs(1);

/// Number of ARP requests that are sent to the known hardware address (`ASKS_TO_ONE`), and then as a broadcast
/// (`ASKS_TO_ALL`), before the neighbour is given up.
const ASKS_TO_ONE: u8 = 3;
const ASKS_TO_ALL: u8 = 3;

/// The error that no neighbour can be added, because connections use all entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NeighborsFull;

/// An action that is due for a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send an ARP request for this neighbour, to its known hardware address or, without one, as a broadcast.
    Ask(Ipv4Addr, Option<EthernetAddress>),
    /// Drop the packets for this neighbour, because it has not answered.
    Lost(Ipv4Addr),
}

#[derive(Clone, Copy, Debug)]
struct Neighbor {
    address: Ipv4Addr,
    mac: Option<EthernetAddress>,
    fresh_until: Instant,
    kept_until: Instant,
    used_at: Instant,
    /// Number of ARP requests since the last answer. `ask_at` is the time of the next request.
    asks: u8,
    ask_at: Instant,
}

/// The table of neighbours.
#[derive(Debug)]
pub(super) struct Neighbors {
    table: HashTable<Neighbor>,
    capacity: usize,
    seed: u64,
    /// Number that changes with each change of a hardware address. It is never 0.
    version: u32,
    /// No ARP request is due before this time.
    ask_at: Instant,
    /// Whether any neighbour has announced its address since the last call of `take_news`.
    has_news: bool,
}

impl Neighbors {
    /// Allocates the memory for `capacity` neighbours. The hash table has twice this capacity, so that it can reuse the
    /// space of removed entries without allocating.
    pub(super) fn with_capacity(capacity: usize, seed: u64) -> Self {
        let table = HashTable::with_capacity(2 * capacity);
        Self { table, capacity, seed, version: 1, ask_at: NEVER, has_news: false }
    }

    /// Returns the version of the table, which changes when a hardware address changes or an entry is removed. Cached
    /// addresses of another version are invalid.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Returns whether any neighbour has answered since the last call.
    pub(super) fn take_news(&mut self) -> bool {
        core::mem::take(&mut self.has_news)
    }

    /// Returns the hardware address of a neighbour, if known, without causing an ARP request.
    pub(super) fn known(&self, address: Ipv4Addr) -> Option<EthernetAddress> {
        let hash = self.hash(address);
        self.table.find(hash, |entry| entry.address == address)?.mac
    }

    /// Returns the hardware address of a neighbour, or `None` if it is unknown. If the address is unknown or was not
    /// confirmed recently, an ARP request becomes due.
    pub(super) fn look_up(
        &mut self,
        address: Ipv4Addr,
        is_gateway: bool,
        now: Instant,
    ) -> Result<Option<EthernetAddress>, NeighborsFull> {
        if self.find(address).is_none() {
            self.insert(address, None, now)?;
        }
        let entry = self.find(address).ok_or(NeighborsFull)?;
        entry.used_at = now;
        if is_gateway {
            entry.kept_until = now + KEPT;
        }
        let mac = entry.mac;
        if (mac.is_none() || entry.fresh_until <= now) && entry.ask_at == NEVER {
            (entry.asks, entry.ask_at) = (0, now);
            self.ask_at = now;
        }
        Ok(mac)
    }

    /// Records the hardware address `mac` that a neighbour has sent in an ARP packet. A neighbour that is not in the
    /// table is added only if `may_insert` is set.
    pub(super) fn learn(
        &mut self,
        address: Ipv4Addr,
        mac: EthernetAddress,
        may_insert: bool,
        now: Instant,
    ) {
        if self.find(address).is_none() {
            let has_room = may_insert && self.insert(address, Some(mac), now).is_ok();
            if !has_room {
                return;
            }
        }
        let Some(entry) = self.find(address) else { return };
        let is_change = entry.mac.is_some_and(|old| old != mac);
        entry.mac = Some(mac);
        entry.fresh_until = now + FRESH;
        (entry.asks, entry.ask_at) = (0, NEVER);
        self.has_news = true;
        if is_change {
            self.change();
        }
    }

    /// Confirms the hardware address of a neighbour, because packets arrive on a connection through this neighbour.
    pub(super) fn confirm(&mut self, address: Ipv4Addr, now: Instant) {
        if let Some(entry) = self.find(address) {
            (entry.fresh_until, entry.kept_until) = (now + FRESH, now + KEPT);
            (entry.asks, entry.ask_at) = (0, NEVER);
        }
    }

    /// Handles a packet from the hardware address `mac`, if another one is known: a broadcast request becomes due. The
    /// packet alone does not change the known address, because an attacker could forge it.
    pub(super) fn doubt(&mut self, address: Ipv4Addr, mac: EthernetAddress, now: Instant) {
        let Some(entry) = self.find(address) else { return };
        if entry.mac.is_none_or(|known| known == mac) || entry.asks > ASKS_TO_ONE {
            return;
        }
        (entry.asks, entry.ask_at) = (ASKS_TO_ONE, now);
        self.ask_at = now;
    }

    /// Calls `act` for each action that is due. If `act` returns `false`, the remaining requests are left for the next
    /// call.
    pub(super) fn poll(&mut self, now: Instant, mut act: impl FnMut(Due) -> bool) {
        if now < self.ask_at {
            return;
        }
        let (mut next, mut is_lost, mut goes_on) = (NEVER, false, true);
        for entry in &mut self.table {
            if goes_on && entry.ask_at <= now {
                let first = if entry.mac.is_some() { 0 } else { ASKS_TO_ONE };
                entry.asks = entry.asks.max(first);
                if entry.asks == ASKS_TO_ONE + ASKS_TO_ALL {
                    is_lost = true;
                } else {
                    let to_one = entry.mac.filter(|_| entry.asks < ASKS_TO_ONE);
                    goes_on = act(Due::Ask(entry.address, to_one));
                    if goes_on {
                        entry.asks += 1;
                        entry.ask_at = now + ASK_PAUSE;
                    }
                }
            }
            next = next.min(entry.ask_at);
        }
        self.ask_at = next;
        if is_lost {
            self.lose(now, &mut act);
        }
    }

    /// Removes neighbours that have not answered.
    fn lose(&mut self, now: Instant, act: &mut impl FnMut(Due) -> bool) {
        let mut has_changed = false;
        self.table.retain(|entry| {
            let is_lost = entry.ask_at <= now && entry.asks == ASKS_TO_ONE + ASKS_TO_ALL;
            if is_lost {
                has_changed |= entry.mac.is_some();
                act(Due::Lost(entry.address));
            }
            !is_lost
        });
        self.ask_at = self.table.iter().map(|entry| entry.ask_at).min().unwrap_or(NEVER);
        if has_changed {
            self.change();
        }
    }

    /// Removes all neighbours.
    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.ask_at = NEVER;
        self.change();
    }

    /// Returns the time of the next ARP request, or `None` if no request is planned.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        (self.ask_at < NEVER).then_some(self.ask_at)
    }

    fn change(&mut self) {
        self.version = self.version.checked_add(1).unwrap_or(1);
    }

    fn find(&mut self, address: Ipv4Addr) -> Option<&mut Neighbor> {
        let hash = self.hash(address);
        self.table.find_mut(hash, |entry| entry.address == address)
    }

    fn insert(
        &mut self,
        address: Ipv4Addr,
        mac: Option<EthernetAddress>,
        now: Instant,
    ) -> Result<(), NeighborsFull> {
        if self.table.len() == self.capacity {
            self.evict(now)?;
        }
        let (seed, hash) = (self.seed, self.hash(address));
        let entry = Neighbor {
            address,
            mac,
            fresh_until: now,
            kept_until: now,
            used_at: now,
            asks: 0,
            ask_at: NEVER,
        };
        self.table.insert_unique(hash, entry, |entry| hash_of(seed, entry.address));
        Ok(())
    }

    /// Evicts the least recently used entry that is not protected by a connection. Entries without a hardware address
    /// are evicted first.
    fn evict(&mut self, now: Instant) -> Result<(), NeighborsFull> {
        let unused = self.table.iter().filter(|entry| entry.kept_until <= now);
        let victim = unused.min_by_key(|entry| (entry.mac.is_some(), entry.used_at));
        let address = victim.ok_or(NeighborsFull)?.address;
        let hash = self.hash(address);
        if let Ok(entry) = self.table.find_entry(hash, |entry| entry.address == address) {
            entry.remove();
        }
        self.change();
        Ok(())
    }

    fn hash(&self, address: Ipv4Addr) -> u64 {
        hash_of(self.seed, address)
    }
}

fn hash_of(seed: u64, address: Ipv4Addr) -> u64 {
    route::fold(seed, u64::from(address.to_bits()))
}
