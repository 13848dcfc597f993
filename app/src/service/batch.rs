//! `VMALLOCN` and `VFREEALL`: many regions with one request, in slices.

use arrayvec::ArrayVec;
use vmalloc::{Machine, RegionError, RegionId, Request};

use super::Service;
use super::call::Call;
use super::failure::{Failure, Word};
use super::job::{Budget, Job};
use super::ledger::State;
use super::naming::Naming;
use super::options::Options;
use super::session::Session;
use super::size;
use crate::resp::Reply;

/// Regions of one request: their ids fit into a client's output.
const COUNT_MAX: u32 = 1024;

/// Bytes of the reply for each: a colon, at most 16 digits, a line end.
const ID_BYTES_MAX: u64 = 19;

/// Regions that are being made. They are the newest of their session, and nobody may use them yet.
#[derive(Debug)]
pub(super) struct Batch {
    request: Request,
    text: Word,
    lease_ms: Option<u64>,
    is_partial: bool,
    soft: bool,
    wanted: u64,
    made: u64,
    /// Pages of the newest that are zero already.
    zeroed: u64,
    failure: Option<Failure>,
}

/// `VMALLOCN count size [options of VMALLOC] [PARTIAL]`: ids, of all or of none.
pub(super) fn vmallocn<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
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
    let service = &mut *call.service;
    let wanted = match service.reserve_batch(call.session, &options, &request, wanted, is_partial) {
        Err(failure) if options.soft && failure.is_capacity() => {
            call.reply.null_array();
            return Ok(());
        }
        wanted => wanted?,
    };
    call.session.job = Some(Job::Batch(Batch {
        request,
        text: Word::new(text),
        lease_ms: options.lease_ms,
        is_partial,
        soft: options.soft,
        wanted: wanted.into(),
        made: 0,
        zeroed: request.pages().get(),
        failure: None,
    }));
    Ok(())
}

/// `VFREEALL`: frees this connection's regions without a name.
pub(super) fn vfreeall<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.session.job = Some(Job::FreeAll(0));
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Reserves what `wanted` regions take of the limits, or as many of them as the limits have room
    /// for if that is enough. Returns how many.
    fn reserve_batch(
        &mut self,
        session: &mut Session,
        options: &Options<'_>,
        request: &Request,
        wanted: u32,
        is_partial: bool,
    ) -> Result<u32, Failure> {
        let one = self.admit_region(session, &Naming::new(options), request.pages().get())?;
        let count = if is_partial { self.fitting(&one, wanted).max(1) } else { wanted };
        let demand = one.times(count);
        self.check(&demand)?;
        self.reserve(session, &demand)?;
        Ok(count)
    }

    /// Goes on with a batch. Returns whether anything was done.
    pub(super) fn continue_batch(
        &mut self,
        session: &mut Session,
        mut batch: Batch,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) -> bool {
        let mut is_done = self.make(session, &mut batch, budget);
        let refused = batch.failure.is_some() && !(batch.is_partial && batch.made > 0);
        if is_done && refused {
            is_done = self.unmake(session, &mut batch, budget);
        }
        // The ids wait until there is room for all of them.
        if !is_done || reply.room() < (batch.made + 1) * ID_BYTES_MAX {
            session.job = Some(Job::Batch(batch));
            return !is_done;
        }
        match batch.failure {
            Some(failure) if refused && batch.soft && failure.is_capacity() => reply.null_array(),
            Some(failure) if refused => self.refuse(&failure, reply),
            _ => self.hand_out(session, batch.made, batch.lease_ms, reply),
        }
        true
    }

    /// Makes and zeroes as many regions as the budget allows; true where no more are to be made.
    fn make(&mut self, session: &Session, batch: &mut Batch, budget: &mut Budget) -> bool {
        let own = self.ledger.of_place(session.place);
        let pages = batch.request.pages().get();
        loop {
            if batch.zeroed < pages {
                let slice = budget.take(pages - batch.zeroed);
                let newest = self.ledger.first(own);
                let zero = |id| self.zero_pages(id, batch.zeroed, slice);
                if let Some(Err(failure)) = newest.map(zero) {
                    batch.failure = Some(failure);
                }
                batch.zeroed += slice;
            }
            if batch.made == batch.wanted || batch.failure.is_some() {
                return batch.zeroed == pages;
            }
            if budget.is_spent() {
                return false;
            }
            match self.vm.allocate(&batch.request) {
                Ok(region) => {
                    let info = region.info();
                    let _ = region.into_raw();
                    self.note_in_flight(own, &info);
                    batch.made += 1;
                    // What is short was zeroed with its allocation.
                    batch.zeroed =
                        if super::allocate::is_sliced(&batch.request) { 0 } else { pages };
                    budget.spend(pages.min(pages - batch.zeroed + 1));
                }
                Err(error) => {
                    batch.failure = Some(Failure::Allocate(error, batch.text.clone()));
                }
            }
        }
    }

    /// Frees what was made; true where nothing is left.
    fn unmake(&mut self, session: &Session, batch: &mut Batch, budget: &mut Budget) -> bool {
        let own = self.ledger.of_place(session.place);
        while batch.made > 0 && !budget.is_spent() {
            if let Some(id) = self.ledger.first(own) {
                budget.spend(self.give_up(id) + 1);
            }
            batch.made -= 1;
        }
        batch.made == 0
    }

    /// Lets the newest regions of a session be used, the oldest of them first.
    fn hand_out(
        &mut self,
        session: &mut Session,
        count: u64,
        lease_ms: Option<u64>,
        reply: &mut Reply<'_>,
    ) {
        // The regions count themselves from now on.
        let reservation = session.reservation.take();
        self.give_back(reservation);
        let own = self.ledger.of_place(session.place);
        let mut ids = ArrayVec::<RegionId, { COUNT_MAX as usize }>::new();
        let mut next = self.ledger.first(own);
        while let Some(id) = next.filter(|_| (ids.len() as u64) < count) {
            ids.push(id);
            next = self.ledger.next(id);
        }
        reply.array(ids.len());
        for id in ids.into_iter().rev() {
            self.ledger.move_to(own, id);
            self.ledger.set_state(id, State::Ready);
            if let Some(ms) = lease_ms {
                let until_us = self.deadline(ms);
                let is_set = self.leases.set(&mut self.ledger, id, until_us);
                debug_assert!(is_set, "the demand had room for it");
            }
            reply.integer(id.get());
        }
    }

    /// Frees a session's regions without a name. Returns whether anything was done.
    pub(super) fn free_all(
        &mut self,
        session: &mut Session,
        mut freed: u64,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) -> bool {
        let own = self.ledger.of_place(session.place);
        let before = freed;
        while let Some(id) = self.ledger.first(own) {
            let is_away = self.vm.info(id).is_ok_and(|info| self.is_freed_away(&info));
            let is_stuck = match is_away {
                true => !self.send_to_free(id),
                false => matches!(self.release(id), Err(RegionError::Changing { .. })),
            };
            budget.spend(1);
            freed += u64::from(!is_stuck);
            if is_stuck || budget.is_spent() && self.ledger.first(own).is_some() {
                session.job = Some(Job::FreeAll(freed));
                return freed > before;
            }
        }
        reply.integer(freed);
        true
    }
}
