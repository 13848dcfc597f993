//! `VMALLOCN` and `VFREEALL`: many regions in one request, in slices.

use arrayvec::ArrayVec;
use vmalloc::{Access, RegionError, RegionId, Request};

use crate::service::background;
use crate::service::call::{Begun, Call, Step, Stepped};
use crate::service::failure::{Failure, Word};
use crate::service::parse::options::Options;
use crate::service::parse::size;
use crate::service::store::Publication;
use crate::service::workers::{Cost, Placement};

/// Maximum number of regions of one request. The ids of 1024 regions fit into the output of a
/// client.
const COUNT_MAX: u32 = 1024;

/// Maximum bytes of the reply per region: a colon, 16 digits and a line end.
const ID_BYTES_MAX: u64 = 19;

/// A `VMALLOCN` in progress. The allocated regions are the newest regions of the session, and no
/// client may use them yet.
#[derive(Debug)]
pub(in crate::service) struct Batch {
    request: Request,
    size: Word,
    lease_ms: Option<u64>,
    is_partial: bool,
    soft: bool,
    wanted: u64,
    made: u64,
    /// The number of pages of the newest region that are already zero.
    zeroed: u64,
    failure: Option<Failure>,
}

/// A `VFREEALL` in progress, with the number of regions freed so far.
#[derive(Debug)]
pub(in crate::service) struct FreeAll(u64);

/// Serves `VMALLOCN count size [options of VMALLOC] [PARTIAL]`: replies with the ids of all
/// regions, or fails without allocating any.
pub(in crate::service) fn vmallocn<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Batch>, Failure> {
    let what = "a count is between 1 and 1024";
    let wanted = u32::try_from(call.number(1, what)?).ok();
    let wanted = wanted.filter(|wanted| (1..=COUNT_MAX).contains(wanted));
    let wanted = wanted.ok_or_else(|| Failure::Invalid(what, Word::new(call.argument(1))))?;
    let says_partial = |word: &&[u8]| word.eq_ignore_ascii_case(b"PARTIAL");
    let words = call.arguments.iter().skip(3);
    let options = Options::parse(words.filter(|word| !says_partial(word)))?;
    if options.name.is_some() {
        return Err(Failure::Malformed("VMALLOCN makes regions without a name"));
    }
    let text = call.argument(2);
    let bytes = size::parse(text).ok_or_else(|| size::invalid(text))?;
    let request = call.request(bytes, &options)?;
    let is_partial = call.arguments.iter().skip(3).any(|word| says_partial(&word));
    let wanted = match reserve(call, &options, &request, wanted, is_partial) {
        Err(failure) if options.soft && failure.is_capacity() => {
            call.reply.null_array();
            return Ok(Begun::Answered);
        }
        wanted => wanted?,
    };
    Ok(Begun::Pending(Batch {
        request,
        size: Word::new(text),
        lease_ms: options.lease_ms,
        is_partial,
        soft: options.soft,
        wanted: wanted.into(),
        made: 0,
        zeroed: request.pages().get(),
        failure: None,
    }))
}

/// Reserves `wanted` regions in the limits. If `is_partial`, reserves as many of these as the
/// limits admit, but at least one. Returns the number of reserved regions.
fn reserve<M: Access>(
    call: &mut Call<'_, '_, M>,
    options: &Options<'_>,
    request: &Request,
    wanted: u32,
    is_partial: bool,
) -> Result<u32, Failure> {
    let (store, owner) = (&call.parts.store, call.session.owner);
    let publication = Publication::new(None, options.replace, options.lease_ms);
    let one = store.admit_region(owner, &publication, request.pages().get())?;
    let count = if is_partial { store.fitting(&one, wanted).max(1) } else { wanted };
    let demand = one.times(count);
    store.check(&demand)?;
    call.reserve(&demand)?;
    Ok(count)
}

/// Serves `VFREEALL`: frees the regions of this connection that have no name.
pub(in crate::service) fn vfreeall<M: Access>(
    _: &mut Call<'_, '_, M>,
) -> Result<Begun<FreeAll>, Failure> {
    Ok(Begun::Pending(FreeAll(0)))
}

impl Batch {
    /// Allocates regions, and replies when all are allocated.
    pub(in crate::service) fn step<M: Access>(
        mut self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        if !step.can_slice() {
            return Ok(Stepped::Waiting(self));
        }
        let mut is_done = self.make(step);
        let is_refused = self.failure.is_some() && !(self.is_partial && self.made > 0);
        if is_done && is_refused {
            is_done = self.unmake(step);
        }
        if !is_done {
            return Ok(Stepped::Progressed(self));
        }
        // The reply is delayed until the output has space for all ids.
        if step.reply.room() < (self.made + 1) * ID_BYTES_MAX {
            return Ok(Stepped::Waiting(self));
        }
        match self.failure {
            Some(failure) if is_refused && self.soft && failure.is_capacity() => {
                step.reply.null_array();
            }
            Some(failure) if is_refused => return Err(failure),
            _ => publish_newest(step, self.made, self.lease_ms),
        }
        Ok(Stepped::Answered)
    }

    /// Allocates and zeroes as many regions as the budget permits. Returns `true` if the batch is
    /// complete or an allocation has failed.
    fn make<M: Access>(&mut self, step: &mut Step<'_, '_, M>) -> bool {
        let store = &mut step.parts.store;
        let own = store.ledger.of_place(step.session.owner.place);
        let pages = self.request.pages().get();
        // The library zeroes a short region during its allocation.
        let is_short = step.parts.workers.place(Cost::Allocate(pages)) == Placement::Here;
        loop {
            if self.zeroed < pages {
                let slice = step.budget.take(pages - self.zeroed);
                let newest = store.ledger.first(own);
                let zero = |id| store.zero_pages(id, self.zeroed, slice);
                if let Some(Err(failure)) = newest.map(zero) {
                    self.failure = Some(failure);
                }
                self.zeroed += slice;
            }
            if self.made == self.wanted || self.failure.is_some() {
                return self.zeroed == pages;
            }
            if step.budget.is_spent() {
                return false;
            }
            match store.vm.allocate(&self.request) {
                Ok(region) => {
                    let info = region.info();
                    let _ = region.into_raw();
                    store.note_in_flight(own, &info);
                    self.made += 1;
                    self.zeroed = if is_short { pages } else { 0 };
                    step.budget.spend(pages.min(pages - self.zeroed + 1));
                }
                Err(error) => self.failure = Some(Failure::Allocate(error, self.size.clone())),
            }
        }
    }

    /// Frees the regions that were allocated, as far as the budget permits. Returns whether all are
    /// freed.
    fn unmake<M: Access>(&mut self, step: &mut Step<'_, '_, M>) -> bool {
        let store = &mut step.parts.store;
        let own = store.ledger.of_place(step.session.owner.place);
        while self.made > 0 && !step.budget.is_spent() {
            if let Some(id) = store.ledger.first(own) {
                step.budget.spend(store.give_up(id) + 1);
            }
            self.made -= 1;
        }
        self.made == 0
    }
}

/// Publishes the `count` newest regions of the session, the oldest of these first, and replies with
/// their ids.
fn publish_newest<M: Access>(step: &mut Step<'_, '_, M>, count: u64, lease_ms: Option<u64>) {
    let store = &mut step.parts.store;
    // From now on the regions count in the limits themselves, so the reservation is returned.
    store.give_back(step.session.reservation.take());
    let own = store.ledger.of_place(step.session.owner.place);
    let mut ids = ArrayVec::<RegionId, { COUNT_MAX as usize }>::new();
    let mut next = store.ledger.first(own);
    while let Some(id) = next.filter(|_| (ids.len() as u64) < count) {
        ids.push(id);
        next = store.ledger.next(id);
    }
    let publication = Publication::new(None, false, lease_ms);
    step.reply.array(ids.len());
    for id in ids.into_iter().rev() {
        store.ledger.move_to(own, id);
        store.publish(id, &publication, None);
        step.reply.integer(id.get());
    }
}

impl FreeAll {
    /// Frees regions, and replies when all are freed.
    pub(in crate::service) fn step<M: Access>(
        self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        if !step.can_slice() {
            return Ok(Stepped::Waiting(self));
        }
        let Self(mut freed) = self;
        let own = step.parts.store.ledger.of_place(step.session.owner.place);
        let before = freed;
        while let Some(id) = step.parts.store.ledger.first(own) {
            let is_stuck = match background::is_freed_by_ap(step.parts, id) {
                true => !background::free(step.parts, id),
                false => {
                    let released = step.parts.store.release(id);
                    matches!(released, Err(RegionError::Changing { .. }))
                }
            };
            step.budget.spend(1);
            freed += u64::from(!is_stuck);
            let is_last = step.parts.store.ledger.first(own).is_none();
            if is_stuck || step.budget.is_spent() && !is_last {
                let is_waiting = freed == before;
                let rest = Self(freed);
                return Ok(match is_waiting {
                    true => Stepped::Waiting(rest),
                    false => Stepped::Progressed(rest),
                });
            }
        }
        step.reply.integer(freed);
        Ok(Stepped::Answered)
    }
}
