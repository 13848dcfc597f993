//! Counts requests in flight in the limits of the service.
//!
//! A [`Demand`] is the amount of each limit that a request needs. A request that is served within
//! its turn checks its demand and publishes its region immediately. Any other request takes a
//! [`Reservation`] before it waits. From then on its regions, bytes, names and leases count, so
//! other requests cannot take them. A session holds at most one reservation.
//! `Connection::close_reservation` is the only place that returns it, as soon as the session has no
//! request in flight: after any reply, and when the connection ends. A handler that fails therefore
//! has no reservation to return.
//!
//! **A replacement is charged by the difference.** A request whose region replaces another one is
//! credited with the pages of the old region, because publication frees the old region. Until
//! publication both regions exist, so the memory in use may exceed a limit by the old region. This
//! can happen only once for each name: a second request in flight that replaces the same region
//! gets no credit. The credit is checked again at publication. The request is refused then if the
//! old region has gone or shrunk and a limit would be exceeded.

use arrayvec::ArrayVec;
use runtime_config::limits::ARGUMENTS_AT_ONCE;
use vmalloc::{Access, PAGE_BYTES, RegionId, RegionInfo};

use super::Store;
use super::ledger::{Charge, List, Usage};
use super::names::NameIndex;
use super::publication::Publication;
use crate::service::failure::Failure;
use crate::service::owner::Owner;
use crate::service::shown::Shown;

/// The amount of each limit that a request needs.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Demand {
    list: List,
    is_named: bool,
    usage: Usage,
    /// The length of a new name in bytes.
    new_name: Option<usize>,
    /// The index of the name, if a region has it at present.
    taken: Option<NameIndex>,
    /// The region that has the name at present, and its number of pages.
    replaces: Option<(RegionId, u64)>,
    leases: usize,
}

impl Demand {
    /// Returns the index of the name, if a region has it at present.
    pub(in crate::service) fn taken(&self) -> Option<NameIndex> {
        self.taken
    }

    /// Returns the number of pages of the region that the request replaces.
    pub(in crate::service) fn replaced_pages(&self) -> u64 {
        self.replaces.map_or(0, |(_, pages)| pages)
    }

    /// Returns the demand of `count` such regions.
    pub(in crate::service) fn times(self, count: u32) -> Self {
        let Usage { regions, pages } = self.usage;
        let pages = pages.saturating_mul(count.into());
        let usage = Usage { regions: regions.saturating_mul(count), pages };
        Self { usage, leases: self.leases.saturating_mul(count as usize), ..self }
    }
}

/// The amounts that a request in flight holds.
#[derive(Debug)]
#[must_use = "a reservation that is not given back counts for ever"]
pub(in crate::service) struct Reservation {
    charge: Charge,
    /// The replaced region, with whose pages the request is credited.
    credit: Option<RegionId>,
    /// The length of a new name in bytes.
    new_name: Option<usize>,
    leases: usize,
}

impl<M: Access> Store<M> {
    /// Returns the demand of a new region of `pages` pages. Fails if the region could not be
    /// published at present.
    pub(in crate::service) fn admit_region(
        &self,
        owner: Owner,
        publication: &Publication<&[u8]>,
        pages: u64,
    ) -> Result<Demand, Failure> {
        let demand = self.demand(owner, publication, pages)?;
        self.check(&demand)?;
        Ok(demand)
    }

    /// Returns the demand of a new region, without checking the limits.
    pub(in crate::service) fn demand(
        &self,
        owner: Owner,
        publication: &Publication<&[u8]>,
        pages: u64,
    ) -> Result<Demand, Failure> {
        let taken = find_name(self, publication)?;
        let is_named = publication.name().is_some();
        let replaces = taken.and_then(|index| self.names.id(index));
        let leases = usize::from(publication.has_lease());
        Ok(Demand {
            list: if is_named { self.ledger.named() } else { self.ledger.of_place(owner.place) },
            is_named,
            usage: Usage { regions: 1, pages },
            new_name: publication.name().filter(|_| taken.is_none()).map(<[u8]>::len),
            taken,
            replaces: replaces.map(|id| (id, self.ledger.pages(id))),
            // The lease of the old region ends with that region, so it needs no further lease.
            leases: match replaces {
                Some(id) if self.ledger.lease(id).is_some() => 0,
                _ => leases,
            },
        })
    }

    /// Returns the demand of a region that grows by `added` pages. Fails if the limits do not
    /// permit that; a shrink is always permitted.
    pub(in crate::service) fn admit_growth(
        &self,
        owner: Owner,
        info: &RegionInfo,
        added: u64,
    ) -> Result<Demand, Failure> {
        let is_named = info.owner == 0;
        let demand = Demand {
            list: if is_named { self.ledger.named() } else { self.ledger.of_place(owner.place) },
            is_named,
            usage: Usage { regions: 0, pages: added },
            new_name: None,
            taken: None,
            replaces: None,
            leases: 0,
        };
        self.check(&demand)?;
        Ok(demand)
    }

    /// Checks that the demand fits into the limits.
    pub(in crate::service) fn check(&self, demand: &Demand) -> Result<(), Failure> {
        if demand.leases > 0 && self.leases.room(&self.ledger) < demand.leases {
            return Err(Failure::Quota("leases", self.leases.limit()));
        }
        check_name(self, demand)?;
        let credit = demand.replaces.map_or(0, |(_, pages)| pages);
        let wanted = demand.usage.pages.saturating_sub(credit).saturating_mul(PAGE_BYTES);
        let used = self.ledger.usage(demand.list);
        let used_bytes = used.pages.saturating_mul(PAGE_BYTES);
        let quotas = &self.quotas;
        if demand.is_named {
            return check("named bytes", wanted, used_bytes, quotas.named_bytes);
        }
        check("regions", demand.usage.regions.into(), used.regions.into(), quotas.regions)?;
        check("bytes", wanted, used_bytes, quotas.bytes)
    }

    /// Returns how many of `count` equal demands fit into the limits.
    pub(in crate::service) fn fitting(&self, demand: &Demand, count: u32) -> u32 {
        // The search takes at most ten steps, because one request has at most 1024 regions.
        let (mut fits, mut too_many) = (0, count.saturating_add(1));
        while too_many - fits > 1 {
            let middle = fits + (too_many - fits) / 2;
            match self.check(&demand.times(middle)) {
                Ok(()) => fits = middle,
                Err(_) => too_many = middle,
            }
        }
        fits
    }

    /// Reserves a demand for a request in flight.
    ///
    /// # Errors
    ///
    /// The demand relies on the pages of a region that another request in flight replaces too.
    pub(in crate::service) fn reserve(&mut self, demand: &Demand) -> Result<Reservation, Failure> {
        let mut demand = *demand;
        if let Some((id, _)) = demand.replaces
            && !self.ledger.credit(id)
        {
            demand.replaces = None;
            self.check(&demand)?;
        }
        let credit = demand.replaces.map_or(0, |(_, pages)| pages);
        let pages = demand.usage.pages.saturating_sub(credit);
        let regions = if demand.is_named { 0 } else { demand.usage.regions };
        let charge = self.ledger.charge(demand.list, Usage { regions, pages });
        if let Some(length) = demand.new_name {
            self.names.reserve(length);
        }
        self.leases.reserve(demand.leases);
        let credit = demand.replaces.map(|(id, _)| id);
        let (new_name, leases) = (demand.new_name, demand.leases);
        self.reservations += 1;
        Ok(Reservation { charge, credit, new_name, leases })
    }

    /// Returns a reservation. Its amounts no longer count, unless a region was published: then the
    /// region itself counts.
    pub(in crate::service) fn give_back(&mut self, reservation: Option<Reservation>) {
        let Some(reservation) = reservation else { return };
        let Reservation { charge, credit, new_name, leases } = reservation;
        self.ledger.discharge(charge);
        if let Some(id) = credit {
            self.ledger.uncredit(id);
        }
        if let Some(length) = new_name {
            self.names.unreserve(length);
        }
        self.leases.unreserve(leases);
        self.reservations -= 1;
    }
}

fn check(what: &'static str, wanted: u64, used: u64, limit: u64) -> Result<(), Failure> {
    // A request that adds nothing passes, even if the limit was lowered below the present use.
    if limit == 0 || wanted == 0 || used.saturating_add(wanted) <= limit {
        return Ok(());
    }
    Err(Failure::OverQuota { what, wanted, used, limit })
}

/// Checks that the name of a publication can be assigned. Returns its index if a region has the
/// name.
fn find_name<M: Access>(
    store: &Store<M>,
    publication: &Publication<&[u8]>,
) -> Result<Option<NameIndex>, Failure> {
    let Some(name) = publication.name else { return Ok(None) };
    match store.names.find(name) {
        Some(index) if !publication.replace => match store.names.id(index) {
            Some(id) => Err(Failure::Exists(store.name_of(id))),
            None => Ok(Some(index)),
        },
        Some(index) => Ok(Some(index)),
        None if publication.must_replace => Err(Failure::NoName(Shown::of(name))),
        None => Ok(None),
    }
}

/// Checks that there is space for the new name of a demand.
fn check_name<M: Access>(store: &Store<M>, demand: &Demand) -> Result<(), Failure> {
    if let Some(length) = demand.new_name {
        if store.names.is_full() {
            return Err(Failure::Quota("names", store.names.limit()));
        }
        if !store.names.has_room(length) {
            return Err(Failure::Quota("bytes of long names", store.names.long_bytes_max()));
        }
    }
    Ok(())
}

/// Checks that all regions with these names and numbers of pages, without leases, could be
/// published together at present. A new name that occurs twice counts twice.
pub(in crate::service) fn admit_all<'a, M: Access>(
    store: &mut Store<M>,
    owner: Owner,
    regions: impl Iterator<Item = (&'a [u8], u64)> + Clone,
) -> Result<(), Failure> {
    let mut credited = ArrayVec::<RegionId, ARGUMENTS_AT_ONCE>::new();
    let mut new_names = ArrayVec::<usize, ARGUMENTS_AT_ONCE>::new();
    let (mut wanted, mut credit) = (0_u64, 0_u64);
    let mut checked = Ok(());
    for (name, pages) in regions {
        let demand = store.demand(owner, &Publication::of(name), pages);
        checked =
            demand.and_then(|demand| check_name(store, &demand).map(|()| demand)).map(|demand| {
                wanted = wanted.saturating_add(pages);
                if let Some(length) = demand.new_name {
                    store.names.reserve(length);
                    new_names.push(length);
                }
                if let Some((id, pages)) = demand.replaces
                    && store.ledger.credit(id)
                {
                    credit = credit.saturating_add(pages);
                    credited.push(id);
                }
            });
        if checked.is_err() {
            break;
        }
    }
    // The marks are removed immediately: the regions are published before any other request is
    // served.
    new_names.into_iter().for_each(|length| store.names.unreserve(length));
    credited.into_iter().for_each(|id| store.ledger.uncredit(id));
    checked?;
    let used = store.ledger.usage(store.ledger.named()).pages.saturating_mul(PAGE_BYTES);
    let wanted = wanted.saturating_sub(credit).saturating_mul(PAGE_BYTES);
    check("named bytes", wanted, used, store.quotas.named_bytes)
}

/// Checks that the limits have room for named regions of `pages` pages in total, for `names` new
/// names, and for `parts` parts of their ends.
pub(in crate::service) fn admit_sum<M: Access>(
    store: &Store<M>,
    pages: u64,
    names: usize,
    parts: usize,
) -> Result<(), Failure> {
    let [has_names, has_parts] = store.names.have_room(names, parts);
    if !has_names {
        return Err(Failure::Quota("names", store.names.limit()));
    }
    if !has_parts {
        return Err(Failure::Quota("bytes of long names", store.names.long_bytes_max()));
    }
    let used = store.ledger.usage(store.ledger.named()).pages.saturating_mul(PAGE_BYTES);
    let wanted = pages.saturating_mul(PAGE_BYTES);
    check("named bytes", wanted, used, store.quotas.named_bytes)
}
