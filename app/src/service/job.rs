//! Work that is too long for one turn: it is done in slices or by another CPU, and its connection
//! waits.

use vmalloc::{Machine, PageCount, Region, RegionId, RegionInfo};

use super::Service;
use super::away::Then;
use super::batch::Batch;
use super::errand::Ticket;
use super::failure::Failure;
use super::fill::Sweep;
use super::naming::{KeptName, Naming};
use super::resize::{After, Growth};
use super::session::Session;
use crate::resp::Reply;

/// Pages that long work may touch in one turn, over all connections: 1 MiB is zeroed in a quarter
/// of a millisecond on slow machines.
const SLICE_PAGES: u64 = 256;

/// What is left of a turn's long work.
#[derive(Debug)]
pub struct Budget(u64);

impl Budget {
    /// The budget of one turn.
    #[must_use]
    pub fn of_a_turn() -> Self {
        Self(SLICE_PAGES)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes as many of these pages as are left, and says how many that is.
    pub(super) fn take(&mut self, pages: u64) -> u64 {
        let taken = self.0.min(pages);
        self.0 -= taken;
        taken
    }

    /// Takes so many pages, or what is left.
    pub fn spend(&mut self, pages: u64) {
        self.0 = self.0.saturating_sub(pages);
    }
}

/// What a session waits for.
#[derive(Debug)]
pub(super) enum Job {
    /// Its region, which is being zeroed here.
    Zero(Zeroing),
    /// Its region, whose new part is being zeroed here.
    Grow(Growth),
    /// Bytes that are being written or summed up.
    Sweep(Sweep),
    /// Regions that are being made together.
    Batch(Batch),
    /// Its regions, which are being freed: how many were.
    FreeAll(u64),
    /// What another CPU does, and what follows.
    Away(Ticket, Then),
    /// A further turn, in which its request goes on.
    Continue,
    /// A moment at which its request can be served: it is still to be looked at.
    Wait,
}

impl Job {
    /// Whether its request is served, or served again, only after it: what it does makes that
    /// possible.
    pub(super) fn comes_first(&self) -> bool {
        match self {
            Self::Wait | Self::Continue => true,
            Self::Away(_, Then::Resized(_, after)) => *after == After::Again,
            Self::Grow(growth) => growth.after == After::Again,
            _ => false,
        }
    }
}

/// A region that is being zeroed. Nobody may use it yet.
#[derive(Debug)]
pub(super) struct Zeroing {
    info: RegionInfo,
    naming: Naming<KeptName>,
    /// Pages that are zero already.
    done: u64,
}

impl Zeroing {
    /// Whether a region is better zeroed in slices, or elsewhere.
    pub(super) fn is_worth(pages: u64) -> bool {
        pages > SLICE_PAGES
    }

    /// Begins to zero a region.
    pub(super) fn new(info: RegionInfo, naming: Naming<KeptName>) -> Self {
        Self { info, naming, done: 0 }
    }
}

impl<M: Machine> Service<M> {
    /// Goes on with a session's job, as far as the budget goes; its reply comes with its end.
    /// Returns whether anything was done.
    pub fn step(
        &mut self,
        session: &mut Session,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) -> bool {
        let errors = self.counters.errors;
        let stepped = self.go_on(session, reply, budget);
        self.end_job(session, errors);
        self.close_reservation(session);
        stepped
    }

    fn go_on(&mut self, session: &mut Session, reply: &mut Reply<'_>, budget: &mut Budget) -> bool {
        match session.job.take() {
            // What waited is looked at again.
            None | Some(Job::Wait | Job::Continue) => false,
            Some(Job::Away(ticket, then)) => match self.errands.fetch(ticket) {
                Ok(outcome) => {
                    self.follow(session, then, outcome, reply);
                    true
                }
                Err(ticket) => {
                    session.job = Some(Job::Away(ticket, then));
                    false
                }
            },
            Some(job) if budget.is_spent() || self.is_checking => {
                session.job = Some(job);
                false
            }
            // A transaction may wait for the end of a growth, and cannot use the region before.
            Some(job) if self.is_excluded(session) && !matches!(job, Job::Grow(_)) => {
                session.job = Some(job);
                false
            }
            Some(Job::Zero(zeroing)) => {
                self.zero(session, zeroing, reply, budget);
                true
            }
            Some(Job::Grow(growth)) => {
                self.grow(session, growth, reply, budget);
                true
            }
            Some(Job::Sweep(sweep)) => self.sweep(session, sweep, reply, budget),
            Some(Job::Batch(batch)) => self.continue_batch(session, batch, reply, budget),
            Some(Job::FreeAll(freed)) => self.free_all(session, freed, reply, budget),
        }
    }

    fn zero(
        &mut self,
        session: &mut Session,
        mut job: Zeroing,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) {
        match self.zero_slice(&mut job, budget) {
            Ok(true) => {
                let result = self.publish(session, &job.info, &job.naming, reply);
                self.answer(result, reply);
            }
            Ok(false) => session.job = Some(Job::Zero(job)),
            Err(failure) => {
                // What failed is that the region is gone.
                self.forget(job.info.id);
                self.answer(Err(failure), reply);
            }
        }
    }

    /// Zeroes what the budget allows; `true` when all is zero.
    fn zero_slice(&self, job: &mut Zeroing, budget: &mut Budget) -> Result<bool, Failure> {
        let pages = job.info.range.count().get();
        let slice = budget.take(pages - job.done);
        self.zero_pages(job.info.id, job.done, slice)?;
        job.done += slice;
        Ok(job.done == pages)
    }

    /// Zeroes some pages of a region.
    pub(super) fn zero_pages(&self, id: RegionId, first: u64, count: u64) -> Result<(), Failure> {
        let [first, count] = [first, count].map(|n| PageCount::from_pages(n).unwrap_or_default());
        let region = Region::from_raw(self.vm, id)?;
        region.zero(first, count);
        let _ = region.into_raw();
        Ok(())
    }
}
