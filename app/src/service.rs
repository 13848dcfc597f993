//! The service: what each request does to the window.
//!
//! [`Service`] holds what outlives a connection: the [`ledger`](Ledger) of clients' regions, their
//! [`Names`], the [`Counters`]. A [`Session`] is what belongs to one connection. [`serve`] looks a
//! request up in the one [`table`] of commands and answers it. Nothing here allocates per request,
//! knows the network, or takes longer than a slice: what does is a job, which is stepped or done by
//! another CPU while its connection waits.

mod allocate;
mod audit;
mod away;
mod bench;
mod bytes;
mod call;
mod config;
mod counters;
mod entries;
mod errand;
mod failure;
mod free;
mod glob;
mod info;
mod job;
mod ledger;
mod names;
mod options;
mod probe;
mod records;
mod report;
mod session;
mod size;
mod stream;
pub mod table;

pub use call::{Call, Served, serve};
pub use counters::{Counters, TURN_LONG_US};
pub use errand::Lend;
pub use failure::{Failure, Word};
pub use job::Budget;
pub use ledger::{Ledger, List};
pub use names::{NameIndex, Names};
pub use session::Session;
pub use stream::{Flow, Stream, open_stream};

use core::mem;

use arrayvec::ArrayVec;
use runtime_config::cmdline::Config;
use runtime_config::limits::CPUS_MAX;
use vmalloc::{Machine, RegionError, RegionId, RegionInfo, Vmalloc};

use crate::bench::Crew;
use crate::buffers::{Buffers, Shortage};

use away::{Chores, Then};
use errand::{Errands, Ticket};
use job::Job;

/// What the image's reports call a region that a client has; its own have names of their own.
const CLIENT: &str = "client";

/// Time after which a turn takes on no further requests. What is under way then, and packets, may
/// take as long again.
const TURN_US: u64 = 1000;

/// What outlives a connection.
#[derive(Debug)]
pub struct Service<M: Machine + 'static> {
    vm: &'static Vmalloc<M>,
    config: Config,
    ledger: Ledger,
    names: Names,
    /// Regions of sessions that have ended, to be freed in slices.
    orphans: List,
    /// What the reports say of the traffic.
    pub counters: Counters,
    now_us: u64,
    clock: Option<fn() -> u64>,
    crew: Option<Crew<M>>,
    errands: Errands<M>,
    chores: Chores,
    /// Errands whose sessions have ended.
    abandoned: ArrayVec<(Ticket, Then), CPUS_MAX>,
    /// The session that waits until no errand is under way.
    held_for: Option<u64>,
    /// Whether an audit is under way: nothing may be allocated or freed.
    is_checking: bool,
}

impl<M: Machine> Service<M> {
    /// Takes all that the service will ever keep.
    ///
    /// # Errors
    ///
    /// A buffer could not be had.
    pub fn try_new<B: Buffers>(
        vm: &'static Vmalloc<M>,
        buffers: &B,
        config: &Config,
        seed: u64,
    ) -> Result<Self, Shortage> {
        Ok(Self {
            vm,
            config: *config,
            ledger: Ledger::try_new(buffers, vm.region_limit())?,
            names: Names::try_new(buffers, config.names, seed)?,
            orphans: List::default(),
            counters: Counters::default(),
            now_us: 0,
            clock: None,
            crew: None,
            errands: Errands::new(),
            chores: Chores::default(),
            abandoned: ArrayVec::new(),
            held_for: None,
            is_checking: false,
        })
    }

    /// Lets durations inside a turn be measured, with a clock in microseconds.
    pub fn set_clock(&mut self, clock: fn() -> u64) {
        self.clock = Some(clock);
    }

    /// Lends more CPUs than the one that calls.
    pub fn set_crew(&mut self, crew: Crew<M>) {
        self.crew = Some(crew);
    }

    /// Lets long work be done on other CPUs.
    pub fn set_lend(&mut self, lend: Lend<M>) {
        self.errands.set_lend(lend);
    }

    /// Tells the time of the turn.
    pub fn set_now(&mut self, now_us: u64) {
        self.now_us = now_us;
    }

    /// Whether the turn has taken so long that others should have theirs. Without a clock never.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.clock.is_some_and(|clock| clock().saturating_sub(self.now_us) > TURN_US)
    }

    /// The window that is served.
    #[must_use]
    pub fn vm(&self) -> &'static Vmalloc<M> {
        self.vm
    }

    /// Ends a session: its regions are freed from now on, a slice at a time.
    pub fn end(&mut self, session: &mut Session) {
        self.ledger.splice(&mut self.orphans, &mut session.regions);
        session.stream = None;
        if let Some(Job::Away(ticket, then)) = session.job.take() {
            // There is room: no more are under way than there are CPUs.
            self.abandoned.push((ticket, then));
        }
        self.held_for = self.held_for.filter(|number| *number != session.number);
    }

    /// Frees what sessions that have ended left behind, as far as the budget goes. Returns whether
    /// anything was done.
    pub fn reap(&mut self, budget: &mut Budget) -> bool {
        if self.is_checking {
            return false;
        }
        let mut orphans = mem::take(&mut self.orphans);
        let mut reaped = false;
        while !budget.is_spent()
            && let Some(id) = self.ledger.first(&orphans)
        {
            if let Ok(info) = self.vm.info(id)
                && self.is_freed_away(&info)
            {
                reaped |= self.send_to_free(&mut orphans, id);
                break;
            }
            reaped = true;
            match self.release(&mut orphans, id) {
                Ok(info) => budget.spend(info.range.count().get() + 1),
                // Asked again in the next turn.
                Err(RegionError::Changing { .. }) => break,
                // Freed by other means than the service: only the note is left.
                Err(_) => self.forget(&mut orphans, id),
            }
        }
        self.orphans = orphans;
        reaped
    }

    /// Whether nothing is left to reap, or nothing before another CPU has done its part.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        self.orphans.is_empty() || !self.errands.is_idle()
    }

    /// Whether an audit is under way, during which nothing may be allocated or freed.
    #[must_use]
    pub fn is_checking(&self) -> bool {
        self.is_checking
    }

    /// Lets a session's request wait, unserved.
    pub fn put_off(&self, session: &mut Session) {
        session.job = Some(Job::Wait);
    }

    /// Frees a region and forgets all that was noted of it; after an error nothing has changed.
    ///
    /// A region without a name is in `list`: that of the session that asks, or the orphans.
    fn release(&mut self, list: &mut List, id: RegionId) -> Result<RegionInfo, RegionError> {
        let info = self.vm.vfree(id)?;
        self.forget(list, id);
        Ok(info)
    }

    /// Forgets all that was noted of a region.
    fn forget(&mut self, list: &mut List, id: RegionId) {
        if let Some(name) = self.ledger.remove(list, id) {
            self.names.remove(name);
        }
    }

    /// Microseconds that pass while something runs; 0 without a clock.
    fn timed<T>(&self, run: impl FnOnce() -> T) -> (T, u64) {
        let Some(clock) = self.clock else { return (run(), 0) };
        let start = clock();
        let result = run();
        (result, clock().saturating_sub(start))
    }
}

#[cfg(test)]
mod tests;
