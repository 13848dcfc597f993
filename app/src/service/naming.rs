//! From a region that was made to one that its client has: named, leased, told of.

use arrayvec::ArrayVec;
use runtime_config::limits::NAME_BYTES_MAX;
use vmalloc::{Machine, RegionInfo};

use super::Service;
use super::failure::Failure;
use super::lease::Lease;
use super::ledger::{List, State};
use super::names::{NameIndex, Shown};
use super::options::Options;
use super::reservation::Demand;
use super::session::Session;
use crate::resp::Reply;

/// A name that outlives its request.
pub(super) type KeptName = ArrayVec<u8, NAME_BYTES_MAX>;

/// What a region is called, and for how long it lives.
///
/// The name is the request's own bytes as long as the request is served, and a copy for work that
/// takes longer: a name may be long, and most requests need no copy.
#[derive(Debug, Default)]
pub(super) struct Naming<N> {
    name: Option<N>,
    /// Whether the region that has the name may be freed.
    replace: bool,
    /// Whether there must be such a region.
    must_replace: bool,
    lease: Option<Lease>,
    /// Whether the lease of the region that has the name goes on.
    keep_lease: bool,
}

impl<'a> Naming<&'a [u8]> {
    /// What options of `VMALLOC` say.
    pub(super) fn new(options: &Options<'a>) -> Self {
        let Options { name, replace, lease_ms, .. } = *options;
        let lease = lease_ms.map(Lease::For);
        Self { name, replace, lease, ..Self::default() }
    }

    /// A name that was checked.
    pub(super) fn of(name: &'a [u8]) -> Self {
        Self { name: Some(name), replace: true, ..Self::default() }
    }

    /// The same with a copy of the name.
    pub(super) fn kept(&self) -> Naming<KeptName> {
        let Self { name, replace, must_replace, lease, keep_lease } = *self;
        // Names that are valid fit.
        let name = name.map(|name| name.try_into().unwrap_or_default());
        Naming { name, replace, must_replace, lease, keep_lease }
    }

    /// The name that the region gets.
    pub(super) fn name(&self) -> Option<&'a [u8]> {
        self.name
    }

    /// Whether the region ends by itself.
    pub(super) fn has_lease(&self) -> bool {
        self.lease.is_some()
    }
}

impl<N> Naming<N> {
    /// Refuses to replace a region, or to do anything else.
    pub(super) fn condition(mut self, only_new: bool, only_old: bool) -> Self {
        self.replace = !only_new;
        self.must_replace = only_old;
        self
    }

    /// Sets for how long the region lives.
    pub(super) fn lease(mut self, lease: Option<Lease>, keep: bool) -> Self {
        self.lease = lease;
        self.keep_lease = keep;
        self
    }
}

impl Naming<KeptName> {
    /// The same as its request would say it.
    pub(super) fn borrowed(&self) -> Naming<&[u8]> {
        let Self { name, replace, must_replace, lease, keep_lease } = self;
        Naming {
            name: name.as_deref(),
            replace: *replace,
            must_replace: *must_replace,
            lease: *lease,
            keep_lease: *keep_lease,
        }
    }
}

/// Tells a client of its region.
pub(super) fn tell(info: &RegionInfo, reply: &mut Reply<'_>) {
    reply.array(3);
    reply.integer(info.id.get());
    reply.bulk_hex(info.range.address().as_u64());
    reply.integer(info.range.count().bytes());
}

impl<M: Machine> Service<M> {
    /// Whether the name can be given now. Where a region has the name, the number of the name.
    pub(super) fn find_name(&self, naming: &Naming<&[u8]>) -> Result<Option<NameIndex>, Failure> {
        let Some(name) = naming.name else { return Ok(None) };
        match self.names.find(name) {
            Some(index) if !naming.replace => match self.names.id(index) {
                Some(id) => Err(Failure::Exists(self.place(id))),
                None => Ok(Some(index)),
            },
            Some(index) => Ok(Some(index)),
            None if naming.must_replace => Err(Failure::NoName(Shown::of(name))),
            None => Ok(None),
        }
    }

    /// Takes note of a region that was made for a request in flight: its client must not use it yet, and
    /// the request's reservation counts it.
    pub(super) fn note_in_flight(&mut self, list: List, info: &RegionInfo) {
        self.ledger.insert_in_flight(list, info.id, info.range.count().get(), self.now_us);
    }

    /// Gives a region to its client: names it, frees what had the name before, and replies.
    ///
    /// # Errors
    ///
    /// The name was taken meanwhile, or the room that the region with the name would have made has gone;
    /// the region is freed.
    pub(super) fn publish(
        &mut self,
        session: &mut Session,
        info: &RegionInfo,
        naming: &Naming<KeptName>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Failure> {
        self.settle(session, info, naming)?;
        tell(info, reply);
        Ok(())
    }

    /// The same without a reply.
    pub(super) fn settle(
        &mut self,
        session: &mut Session,
        info: &RegionInfo,
        naming: &Naming<KeptName>,
    ) -> Result<(), Failure> {
        // The region counts itself from now on.
        let reservation = session.reservation.take();
        self.give_back(reservation);
        let naming = naming.borrowed();
        match self.admit_region(session, &naming, info.range.count().get()) {
            Ok(demand) => {
                self.ledger.move_to(self.ledger.of_place(session.place), info.id);
                self.hand_over(info, &naming, &demand);
            }
            Err(failure) => {
                // Nobody else knows the id yet, so nobody keeps it from being freed.
                self.give_up(info.id);
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Publishes a region that was made and admitted within this turn.
    pub(super) fn hand_over_new(
        &mut self,
        session: &Session,
        info: &RegionInfo,
        naming: &Naming<&[u8]>,
        demand: &Demand,
    ) {
        let list = self.ledger.of_place(session.place);
        self.ledger.insert(list, info.id, info.range.count().get(), self.now_us);
        self.hand_over(info, naming, demand);
    }

    /// Names and leases a region that was admitted within this turn, and lets it be used.
    pub(super) fn hand_over(&mut self, info: &RegionInfo, naming: &Naming<&[u8]>, demand: &Demand) {
        let mut until_us = naming.lease.map(|lease| self.deadline_of(lease));
        if let Some(name) = naming.name {
            let old_until_us = self.name(info, name, demand.taken());
            until_us = until_us.or(old_until_us.filter(|_| naming.keep_lease));
        }
        self.ledger.set_state(info.id, State::Ready);
        if let Some(until_us) = until_us {
            let is_set = self.leases.set(&mut self.ledger, info.id, until_us);
            debug_assert!(is_set, "the demand had room for it");
            if until_us <= self.now_us {
                // A time that is over.
                self.give_up(info.id);
            }
        }
    }

    /// Gives a name that was checked, and frees the region that had it. Returns when that would have
    /// ended.
    fn name(&mut self, info: &RegionInfo, name: &[u8], taken: Option<NameIndex>) -> Option<u64> {
        let mut until_us = None;
        let index = match taken {
            Some(index) => {
                let old = self.names.id(index);
                self.names.set_id(index, info.id);
                if let Some(old) = old {
                    until_us = self.ledger.lease(old);
                    self.ledger.set_name(old, None);
                    self.give_up(old);
                }
                Some(index)
            }
            None => self.names.insert(name, info.id),
        };
        self.ledger.set_name(info.id, index);
        self.touch(info.id);
        self.ledger.move_to(self.ledger.named(), info.id);
        until_us
    }
}
