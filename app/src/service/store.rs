//! The store: the window, and the records of its regions: owners, names, leases, limits and
//! readers.
//!
//! The store has no access to connections, requests or replies. An [`Owner`] identifies the
//! connection on whose behalf the store is called.

mod access;
mod clock;
mod free;
mod leases;
pub(super) mod ledger;
pub(super) mod names;
mod publication;
mod publish;
mod quotas;
mod readers;
mod reading;
mod records;
mod reservation;
mod watches;

use core::fmt::Write;

use arrayvec::ArrayString;
use runtime_config::cmdline::Config;
use runtime_config::limits::{self, NAME_SHOWN_BYTES_MAX};
use vmalloc::{Access, RegionError, RegionId, RegionInfo, Vmalloc};

use super::failure::{Failure, RegionName, Word};
use super::owner::Owner;
use super::shown::Shown;
use crate::buffers::{Buffers, Shortage};
use crate::resp;

use leases::Leases;
use ledger::{Ledger, State};
use names::Names;
use watches::Watches;

pub(super) use access::{is_accessible, walk};
pub(super) use clock::{Lease, TurnClock};
pub(super) use publication::{KeptName, Publication};
pub(super) use quotas::Quotas;
pub(super) use readers::{LINE_END, Readers, StreamedReply};
pub(super) use reservation::{Demand, Reservation, admit_all, admit_sum};

/// The caller name that the library records for regions of clients. Regions of the image itself
/// have other caller names.
pub(super) const CLIENT: &str = "client";

/// Counts of key lookups by commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lookups {
    /// Lookups of keys that existed.
    pub(super) hits: u64,
    /// Lookups of keys that did not exist.
    pub(super) misses: u64,
}

/// The window, and the records of the regions of clients.
#[derive(Debug)]
pub(super) struct Store<M: Access + 'static> {
    pub(super) vm: &'static Vmalloc<M>,
    pub(super) ledger: Ledger,
    pub(super) names: Names,
    pub(super) leases: Leases,
    pub(super) quotas: Quotas,
    pub(super) watches: Watches,
    pub(super) readers: Readers,
    pub(super) clock: TurnClock,
    /// Lookups of keys by commands that read them.
    pub(super) lookups: Lookups,
    /// The number of reservations that requests in flight hold.
    pub(super) reservations: usize,
    /// Regions with more pages than this are not freed immediately, but later by an AP.
    pub(super) free_pages_max: u64,
}

impl<M: Access> Store<M> {
    /// Allocates all memory that the records will ever need.
    ///
    /// # Errors
    ///
    /// A buffer could not be allocated.
    pub(super) fn try_new<B: Buffers>(
        vm: &'static Vmalloc<M>,
        buffers: &B,
        config: &Config,
        seed: u64,
    ) -> Result<Self, Shortage> {
        Ok(Self {
            vm,
            ledger: Ledger::try_new(buffers, vm.region_limit(), config.clients)?,
            names: Names::try_new(buffers, config.names, seed)?,
            leases: Leases::with_limit(limits::LEASES),
            quotas: Quotas::new(config),
            watches: Watches::with_places(config.clients),
            readers: Readers::default(),
            clock: TurnClock::default(),
            lookups: Lookups::default(),
            reservations: 0,
            free_pages_max: u64::MAX,
        })
    }

    /// Returns the name of a region for errors.
    pub(super) fn name_of(&self, id: RegionId) -> RegionName {
        let name = self.ledger.name(id).map(|name| self.names.text(name));
        RegionName { id, name: name.map(|name| Shown::of_pieces(name.pieces())) }
    }

    /// Returns the caller of a region as one word: its name as [shown](Shown), its client, or the
    /// module of the image that uses it. The word is never empty for a region of a client.
    pub(super) fn caller(&self, info: &RegionInfo) -> ArrayString<NAME_SHOWN_BYTES_MAX> {
        let name = self.ledger.name(info.id).map(|name| self.names.text(name));
        if let Some(name) = name {
            return Shown::of_pieces(name.pieces()).into_inner();
        }
        let mut text = ArrayString::new();
        // A caller name that is too long is cut. Only callers of the image itself can be that long.
        let _ = if info.caller == CLIENT {
            write!(text, "{CLIENT}/{}", info.owner)
        } else {
            text.write_str(info.caller)
        };
        text
    }

    /// Parses `<r>`, which is an id, or `@` followed by a name.
    pub(super) fn id(&self, text: &[u8]) -> Result<RegionId, Failure> {
        if let Some(name) = text.strip_prefix(b"@") {
            let index = self.names.find(name);
            let id = index.and_then(|index| self.names.id(index));
            return id.ok_or_else(|| Failure::NoName(Shown::of(name)));
        }
        let invalid = || Failure::Invalid("a region is an id or @name", Word::new(text));
        let raw = resp::decimal(text).ok_or_else(invalid)?;
        RegionId::from_raw(raw).ok_or(Failure::NoRegion(RegionError::Unknown { id: raw }))
    }

    /// Returns a region of any owner. Its requested size is 0 if its value is empty, although the
    /// library counts one byte.
    pub(super) fn any(&self, id: RegionId) -> Result<RegionInfo, Failure> {
        let mut info = self.vm.info(id)?;
        if info.caller != CLIENT {
            return Ok(info);
        }
        match self.ledger.state(id) {
            Some(State::Ready) => {
                info.requested = self.requested(&info);
                Ok(info)
            }
            Some(State::Changing) => Err(Failure::Changing(id)),
            Some(State::Fresh) | None => Err(Failure::NotUsable(id)),
        }
    }

    /// Returns the size of the part of a region that its client can read and write, in bytes. The
    /// size is 0 for an empty value, although its region in the library has one byte.
    pub(super) fn requested(&self, info: &RegionInfo) -> u64 {
        if self.ledger.is_empty(info.id) { 0 } else { info.requested }
    }

    /// Finds a region that `owner` may use: a region of its connection, or a region with a name.
    pub(super) fn region(&self, owner: Owner, text: &[u8]) -> Result<RegionInfo, Failure> {
        self.usable(owner, self.id(text)?)
    }

    /// Returns the region with this id if `owner` may use it.
    pub(super) fn usable(&self, owner: Owner, id: RegionId) -> Result<RegionInfo, Failure> {
        let info = self.any(id)?;
        if info.system || info.caller != CLIENT {
            return Err(Failure::System(info.id, info.caller));
        }
        if info.owner != 0 && info.owner != owner.number {
            return Err(Failure::NotOwner(info.id));
        }
        Ok(info)
    }

    /// Finds the region of a key for a command that reads it, and counts the lookup.
    pub(super) fn read_key(&mut self, name: &[u8]) -> Result<Option<RegionInfo>, Failure> {
        self.has_key(name);
        self.key(name)
    }

    /// Returns whether a key exists, and counts the lookup.
    pub(super) fn has_key(&mut self, name: &[u8]) -> bool {
        let is_there = self.names.find(name).is_some();
        let lookups = &mut self.lookups;
        *(if is_there { &mut lookups.hits } else { &mut lookups.misses }) += 1;
        is_there
    }

    /// Finds the region of a key, if the key exists.
    pub(super) fn key(&self, name: &[u8]) -> Result<Option<RegionInfo>, Failure> {
        let id = self.names.find(name).and_then(|index| self.names.id(index));
        id.map(|id| self.any(id)).transpose()
    }

    /// Makes a region usable again after a change, unless it was given up during the change.
    pub(super) fn change_ended(&mut self, id: RegionId) {
        if self.ledger.state(id) == Some(State::Changing) {
            self.ledger.set_state(id, State::Ready);
        }
    }

    /// Sets the lease of a region.
    ///
    /// # Errors
    ///
    /// The region has no lease, and the maximum number of leases is reached.
    pub(super) fn set_lease(&mut self, id: RegionId, until_us: u64) -> Result<(), Failure> {
        if self.leases.set(&mut self.ledger, id, until_us) {
            self.touch(id);
            return Ok(());
        }
        Err(Failure::Quota("leases", self.leases.limit()))
    }

    /// Removes the lease of a region.
    pub(super) fn persist(&mut self, id: RegionId) {
        self.ledger.set_lease(id, 0);
        self.touch(id);
    }

    /// Marks the watches of the region's name as changed, because its contents, its lease or its
    /// name change.
    #[inline]
    pub(super) fn touch(&self, id: RegionId) {
        if !self.watches.is_empty() {
            touch_watched(self, id);
        }
    }
}

#[cold]
fn touch_watched<M: Access>(store: &Store<M>, id: RegionId) {
    if let Some(name) = store.ledger.name(id) {
        store.watches.touch(store.names.hash_at(name));
    }
}
