//! The service: what each request does to the window.
//!
//! [`Service`] holds what outlives a connection: the [`ledger`](Ledger) of clients' regions, their
//! [`Names`], the [`Counters`]. A [`Session`] is what belongs to one connection. [`serve`] looks a
//! request up in the one [`table`] of commands and answers it. Nothing here allocates per request,
//! knows the network, or takes longer than a slice: what does is a job, which is stepped or done by
//! another CPU while its connection waits.

mod allocate;
mod audit;
mod auth;
mod away;
mod batch;
mod bench;
mod bytes;
mod call;
mod client;
mod client_list;
mod command;
mod config;
mod counters;
mod entries;
mod errand;
mod error_counts;
mod failure;
mod fill;
mod free;
mod glob;
mod identity;
mod info;
mod inject;
mod job;
mod keys;
mod lease;
mod leases;
pub mod ledger;
mod names;
mod naming;
mod options;
mod probe;
mod protect;
mod quota;
mod rates;
mod reap;
mod records;
mod reply_mode;
mod report;
mod reservation;
mod resize;
mod session;
mod shutdown;
mod size;
mod stream;
mod streamed;
pub mod table;
mod tally;
mod transaction;
mod walk;
mod watch;

pub use auth::NOT_ADMITTED;
pub use call::{Call, Served, serve};
pub use client_list::ClientBuffers;
pub use counters::{Counters, DROP_ROWS, Dropped, Ending, SOCKET_STATES, TURN_LONG_US};
pub use errand::Lend;
pub use failure::{Failure, Word};
pub use job::Budget;
pub use ledger::{Ledger, List, State, Usage};
pub use names::{NameBuffer, NameIndex, NameText, Names, Shown};
pub use report::{parse_cursor, protection};
pub use session::Session;
pub use stream::{Flow, Stream, open_stream};
pub use tally::{BOUNDS_US, Tally};
pub use transaction::{Queued, check_queued, reply_bytes};

use alloc::vec::Vec;

use runtime_config::cmdline::Config;
use runtime_config::limits::{self, CPUS_MAX};
use vmalloc::{Machine, Vmalloc};

use crate::bench::Crew;
use crate::buffers::{Buffers, Shortage};

use away::{Abandoned, Chores};
use client_list::ClientList;
use errand::Errands;
use error_counts::ErrorCounts;
use identity::Identity;
use job::Job;
use leases::Leases;
use quota::Quotas;
use rates::Rates;
use streamed::Writer;
use tally::Tallies;
use watch::Watches;

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
    leases: Leases,
    quotas: Quotas,
    client_list: ClientList,
    /// What the reports say of the traffic.
    pub counters: Counters,
    now_us: u64,
    tallies: Tallies,
    errors: ErrorCounts,
    rates: Rates,
    identity: Identity,
    clock: Option<fn() -> u64>,
    /// Seconds since 1970, where the machine has a clock that says so.
    booted_at: Option<u64>,
    crew: Option<Crew<M>>,
    errands: Errands<M>,
    chores: Chores,
    /// Errands whose sessions have ended.
    abandoned: Vec<Abandoned>,
    /// How many reservations are held.
    reservations: usize,
    /// The session that waits until no errand is under way.
    held_for: Option<u64>,
    /// Whether an audit is under way: nothing may be allocated or freed.
    is_checking: bool,
    /// Whether a client has asked for a shutdown.
    is_shutting_down: bool,
    /// When a refused shutdown may be logged again.
    shutdown_log_at_us: u64,
    /// Replies that are being streamed.
    streams: usize,
    /// The request for which new readers of a region are delayed.
    writer: Option<Writer>,
    /// Whether a streamed reply has ended.
    readers_left: bool,
    /// The session whose transaction runs; 0 where there is none.
    exclusive: u64,
    watches: Watches,
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
            ledger: Ledger::try_new(buffers, vm.region_limit(), config.clients)?,
            names: Names::try_new(buffers, config.names, seed)?,
            leases: Leases::with_limit(limits::LEASES),
            quotas: Quotas::new(config),
            client_list: ClientList::with_places(config.clients),
            counters: Counters::default(),
            now_us: 0,
            tallies: Tallies::new(table::Commands::<M>::all().count()),
            errors: ErrorCounts::default(),
            rates: Rates::default(),
            identity: Identity::new(seed),
            clock: None,
            booted_at: None,
            crew: None,
            errands: Errands::new(),
            chores: Chores::default(),
            abandoned: Vec::with_capacity(CPUS_MAX),
            reservations: 0,
            held_for: None,
            is_checking: false,
            is_shutting_down: false,
            shutdown_log_at_us: 0,
            streams: 0,
            writer: None,
            readers_left: false,
            exclusive: 0,
            watches: Watches::with_places(config.clients),
        })
    }

    /// Says when the image booted, in seconds since 1970.
    pub fn set_booted_at(&mut self, seconds: Option<u64>) {
        self.booted_at = seconds;
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
        if self.rates.is_due(now_us) {
            self.rates.note(now_us, self.traffic());
        }
    }

    /// The time of the turn, in microseconds since boot.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.now_us
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
        let mut reservation = session.reservation.take();
        match session.job.take() {
            // There is room: no more are under way than there are CPUs.
            Some(Job::Away(ticket, then)) => {
                let reservation = reservation.take();
                self.abandoned.push(Abandoned { ticket, then, reservation });
            }
            Some(Job::Grow(growth)) => self.undo(growth),
            _ => {}
        }
        self.give_back(reservation);
        self.end_streamed(session);
        self.fail_write(session);
        self.forget_writer(session);
        self.ledger.abandon(self.ledger.of_place(session.place));
        session.stream = None;
        self.discard_transaction(session);
        self.client_list.leave(session.place);
        self.assert_given_back();
        self.held_for = self.held_for.filter(|number| *number != session.number);
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
