//! Hardware addresses of neighbours, and when they are asked for (RFC 826, RFC 1122 section 2.3.2.1; the
//! states are those of RFC 4861 section 7.3).
//!
//! An entry that a connection uses is confirmed by the packets that come, and never gives its place to
//! a stranger. A neighbour is asked at most once a second, each by itself.

#[cfg(test)]
mod tests;

use core::net::Ipv4Addr;

use hashbrown::HashTable;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

use crate::net::liveness::NEVER;
use crate::net::route;

/// How long an address is good after it was confirmed.
const FRESH: Duration = Duration::from_secs(30);

/// How long an entry is kept for a connection that has used it.
const KEPT: Duration = Duration::from_secs(60);

/// Between two questions to one neighbour.
const ASK_PAUSE: Duration = Duration::from_secs(1);

/// Questions to the known address, and questions to all.
const ASKS_TO_ONE: u8 = 3;
const ASKS_TO_ALL: u8 = 3;

/// There is no room for another neighbour: all entries are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NeighborsFull;

/// A step that is due for a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It is asked, at its known address or by a broadcast.
    Ask(Ipv4Addr, Option<EthernetAddress>),
    /// It has not answered.
    Lost(Ipv4Addr),
}

#[derive(Clone, Copy, Debug)]
struct Neighbor {
    address: Ipv4Addr,
    mac: Option<EthernetAddress>,
    fresh_until: Instant,
    kept_until: Instant,
    used_at: Instant,
    /// Questions since the last answer, and when the next one is due.
    asks: u8,
    ask_at: Instant,
}

/// All neighbours.
#[derive(Debug)]
pub(super) struct Neighbors {
    table: HashTable<Neighbor>,
    capacity: usize,
    seed: u64,
    /// Counts changes of addresses; never 0.
    version: u32,
    /// No question is due before.
    ask_at: Instant,
    /// Somebody has answered.
    has_news: bool,
}

impl Neighbors {
    /// Takes the memory for so many. Half of the table stays empty, so that it never grows.
    pub(super) fn with_capacity(capacity: usize, seed: u64) -> Self {
        let table = HashTable::with_capacity(2 * capacity);
        Self { table, capacity, seed, version: 1, ask_at: NEVER, has_news: false }
    }

    /// Another one for each change of an address.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Whether somebody has answered since this was asked.
    pub(super) fn take_news(&mut self) -> bool {
        core::mem::take(&mut self.has_news)
    }

    /// The address of a neighbour, which is not asked for it.
    pub(super) fn known(&self, address: Ipv4Addr) -> Option<EthernetAddress> {
        let hash = self.hash(address);
        self.table.find(hash, |entry| entry.address == address)?.mac
    }

    /// The address of a neighbour. One that has none yet, or whose address is old, is asked.
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

    /// Takes the address that a neighbour has said; one that is not known is only taken in where it
    /// may be.
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

    /// Notes that a connection uses the address of a neighbour, and hears from it.
    pub(super) fn confirm(&mut self, address: Ipv4Addr, now: Instant) {
        if let Some(entry) = self.find(address) {
            (entry.fresh_until, entry.kept_until) = (now + FRESH, now + KEPT);
            (entry.asks, entry.ask_at) = (0, NEVER);
        }
    }

    /// Notes that a packet of a neighbour has come from another address than the one that is known: all
    /// are asked. The packet alone proves nothing.
    pub(super) fn doubt(&mut self, address: Ipv4Addr, mac: EthernetAddress, now: Instant) {
        let Some(entry) = self.find(address) else { return };
        if entry.mac.is_none_or(|known| known == mac) || entry.asks > ASKS_TO_ONE {
            return;
        }
        (entry.asks, entry.ask_at) = (ASKS_TO_ONE, now);
        self.ask_at = now;
    }

    /// Hands out what is due, until `act` says that it could not be done.
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

    /// Forgets those that have not answered.
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

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.ask_at = NEVER;
        self.change();
    }

    /// When the next question is due.
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

    /// Gives up the entry that was used least lately, of those that no connection uses: one without an
    /// address first.
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
