//! The window and what the service notes of its regions: owners, names, leases, limits, readers.
//!
//! The store knows no connection, request or reply: [`Owner`] says on whose behalf it works.

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
use vmalloc::{Machine, RegionError, RegionId, RegionInfo, Vmalloc};

use super::failure::{Failure, RegionName, Word};
use super::owner::Owner;
use super::shown::Shown;
use crate::buffers::{Buffers, Shortage};
use crate::resp;

use leases::Leases;
use ledger::{Ledger, State};
use names::Names;
use watches::Watches;

pub(super) use clock::{Lease, TurnClock};
pub(super) use publication::{KeptName, Publication};
pub(super) use quotas::Quotas;
pub(super) use readers::{LINE_END, Readers, StreamedReply};
pub(super) use reservation::{Demand, Reservation, admit_all, admit_sum};

/// The caller that reports name for a region of a client; regions of the image itself have other callers.
pub(super) const CLIENT: &str = "client";

/// Keys that were looked for, by whether they were there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lookups {
    /// Keys that were there.
    pub(super) hits: u64,
    /// Keys that were not there.
    pub(super) misses: u64,
}

/// The window, and what is noted of each region of a client.
#[derive(Debug)]
pub(super) struct Store<M: Machine + 'static> {
    pub(super) vm: &'static Vmalloc<M>,
    pub(super) ledger: Ledger,
    pub(super) names: Names,
    pub(super) leases: Leases,
    pub(super) quotas: Quotas,
    pub(super) watches: Watches,
    pub(super) readers: Readers,
    pub(super) clock: TurnClock,
    /// Keys that commands have looked for to read them.
    pub(super) lookups: Lookups,
    /// How many reservations are held.
    pub(super) reservations: usize,
    /// Regions with more pages are freed later, by an AP.
    pub(super) free_pages_max: u64,
}

impl<M: Machine> Store<M> {
    /// Takes all memory that the notes will ever need.
    ///
    /// # Errors
    ///
    /// A buffer could not be had.
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

    /// A region as errors name it.
    pub(super) fn name_of(&self, id: RegionId) -> RegionName {
        let name = self.ledger.name(id).map(|name| self.names.text(name));
        RegionName { id, name: name.map(|name| Shown::of_pieces(name.pieces())) }
    }

    /// The caller of a region: its name as it is [shown](Shown), its client, or the image's own
    /// code. One word, never empty for a client's region.
    pub(super) fn caller(&self, info: &RegionInfo) -> ArrayString<NAME_SHOWN_BYTES_MAX> {
        let name = self.ledger.name(info.id).map(|name| self.names.text(name));
        if let Some(name) = name {
            return Shown::of_pieces(name.pieces()).into_inner();
        }
        let mut text = ArrayString::new();
        // A caller of the image's own that does not fit is cut.
        let _ = if info.caller == CLIENT {
            write!(text, "{CLIENT}/{}", info.owner)
        } else {
            text.write_str(info.caller)
        };
        text
    }

    /// Reads `<r>`: an id, or `@` and a name.
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

    /// Finds a region by its id, whoever owns it. An empty value has no requested bytes, though the library's region of
    /// it has one.
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

    /// Bytes that a region's client can read and write. A region of the library has at least one,
    /// the value of a key may have none.
    pub(super) fn requested(&self, info: &RegionInfo) -> u64 {
        if self.ledger.is_empty(info.id) { 0 } else { info.requested }
    }

    /// Finds a region that the owner may use: its own, or one with a name.
    pub(super) fn region(&self, owner: Owner, text: &[u8]) -> Result<RegionInfo, Failure> {
        self.usable(owner, self.id(text)?)
    }

    /// Finds a region that the owner may use by its id.
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

    /// Finds the region of a name that a command reads, and counts whether it is there.
    pub(super) fn read_key(&mut self, name: &[u8]) -> Result<Option<RegionInfo>, Failure> {
        self.has_key(name);
        self.key(name)
    }

    /// Returns whether a region has a name that a command asks for, and counts it.
    pub(super) fn has_key(&mut self, name: &[u8]) -> bool {
        let is_there = self.names.find(name).is_some();
        let lookups = &mut self.lookups;
        *(if is_there { &mut lookups.hits } else { &mut lookups.misses }) += 1;
        is_there
    }

    /// Finds the region with a name, if there is one.
    pub(super) fn key(&self, name: &[u8]) -> Result<Option<RegionInfo>, Failure> {
        let id = self.names.find(name).and_then(|index| self.names.id(index));
        id.map(|id| self.any(id)).transpose()
    }

    /// Lets a region be used that was changed, unless its owner has given it up in the meantime.
    pub(super) fn change_ended(&mut self, id: RegionId) {
        if self.ledger.state(id) == Some(State::Changing) {
            self.ledger.set_state(id, State::Ready);
        }
    }

    /// Sets the lease of a region.
    ///
    /// # Errors
    ///
    /// All leases are taken, and the region has none.
    pub(super) fn set_lease(&mut self, id: RegionId, until_us: u64) -> Result<(), Failure> {
        if self.leases.set(&mut self.ledger, id, until_us) {
            self.touch(id);
            return Ok(());
        }
        Err(Failure::Quota("leases", self.leases.limit()))
    }

    /// Takes the lease of a region away.
    pub(super) fn persist(&mut self, id: RegionId) {
        self.ledger.set_lease(id, 0);
        self.touch(id);
    }

    /// Notes that the contents, the lease or the name of a region changes, or is about to: sessions that watch
    /// its name see that.
    #[inline]
    pub(super) fn touch(&self, id: RegionId) {
        if !self.watches.is_empty() {
            touch_watched(self, id);
        }
    }
}

#[cold]
fn touch_watched<M: Machine>(store: &Store<M>, id: RegionId) {
    if let Some(name) = store.ledger.name(id) {
        store.watches.touch(store.names.hash_at(name));
    }
}
