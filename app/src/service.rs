//! Serves requests: applies each one to the window and writes its reply.
//!
//! [`Service`] is the facade that the server uses. The layers below it, from the top: `dispatch`
//! looks a request up, checks it and serves it. `table` lists every command, and wraps the state of
//! a command that continues in later turns into `task`. `command` has one file per family of
//! commands, with the handlers of the family. `call` is the context of a handler. Handlers use the
//! parts below them: `store` contains the window and the records of its regions, `workers` decides
//! which CPU does a piece of work, `metrics` counts. The service allocates no memory for a request,
//! does not use the network, and does at most one slice of long work per turn.

mod background;
mod call;
mod catalog;
mod client_list;
mod command;
mod connection;
mod connection_upload;
mod dispatch;
mod failure;
mod housekeeping;
mod identity;
mod metrics;
mod owner;
mod parse;
mod parts;
mod queueing;
mod reply_mode;
mod reports;
mod session;
mod shown;
mod store;
mod table;
mod task;
mod unknown;
mod upload;
mod workers;

pub use catalog::{Catalog, Facts, Group};
pub use client_list::ClientBuffers;
pub use connection::Connection;
pub use connection_upload::ConnectionUpload;
pub use dispatch::Served;
pub use failure::{Failure, Word};
pub use metrics::{
    BOUNDS_US, CommandStats, Counters, DROP_ROWS, Dropped, Ending, SOCKET_STATES, TURN_LONG_US,
};
pub use parse::cursor::parse as parse_cursor;
pub use parse::protection::name as protection;
pub use parts::NOT_ADMITTED;
pub use queueing::{Queued, reply_bytes};
pub use reports::Reports;
pub use session::Session;
pub use shown::Shown;
pub use table::Commands;
pub use upload::Flow;
pub use workers::{Budget, Submit};

use core::net::SocketAddrV4;

use runtime_config::cmdline::Config;
use vmalloc::{Access, Vmalloc};

use crate::bench::RunOnAll;
use crate::buffers::{Buffers, Shortage};
use crate::resp::{Arguments, Reply};
use housekeeping::Housekeeping;
use parts::Parts;

/// Serves the requests of all connections. The value lives until the machine is powered off.
#[derive(Debug)]
pub struct Service<M: Access + 'static> {
    parts: Parts<M>,
    housekeeping: Housekeeping,
}

impl<M: Access> Service<M> {
    /// Allocates all memory that the service will ever need.
    ///
    /// # Errors
    ///
    /// A buffer could not be allocated.
    pub fn try_new<B: Buffers>(
        vm: &'static Vmalloc<M>,
        buffers: &B,
        config: &Config,
        seed: u64,
    ) -> Result<Self, Shortage> {
        let parts = Parts::try_new(vm, buffers, config, seed, Commands::<M>::CATALOG)?;
        Ok(Self { parts, housekeeping: Housekeeping::new() })
    }

    /// Sets when the image booted, in seconds since 1970.
    pub fn set_booted_at(&mut self, seconds: Option<u64>) {
        self.parts.store.clock.booted_at = seconds;
    }

    /// Sets a clock in microseconds that measures durations inside a turn.
    pub fn set_clock(&mut self, clock: fn() -> u64) {
        self.parts.store.clock.read = Some(clock);
    }

    /// Sets the function that runs benchmarks on the APs.
    pub fn set_crew(&mut self, crew: RunOnAll<M>) {
        self.parts.crew = Some(crew);
    }

    /// Sets the function that submits long-running work to an AP.
    pub fn set_submit(&mut self, submit: Submit<M>) {
        self.parts.store.free_pages_max = self.parts.workers.set_submit(submit);
    }

    /// Sets the start time of the turn, in microseconds since boot.
    pub fn set_now(&mut self, now_us: u64) {
        self.parts.store.clock.now_us = now_us;
        self.parts.metrics.sample(now_us);
    }

    /// Returns the start time of the turn, in microseconds since boot.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.parts.store.clock.now_us
    }

    /// Returns whether the turn has used up its time, so that it must begin no further requests.
    /// Returns `false` if no clock is set.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.parts.store.clock.is_late()
    }

    /// Returns the window that is served.
    #[must_use]
    pub fn vm(&self) -> &'static Vmalloc<M> {
        self.parts.store.vm
    }

    /// Adds a connection to the client list, with the addresses of the client and of the server.
    pub fn arrive(&mut self, session: &Session, ends: [SocketAddrV4; 2]) {
        let owner = session.owner;
        self.parts.clients.come(owner.place, owner.number, ends, self.now_us());
    }

    /// Records the buffer sizes of a connection, which `CLIENT LIST` shows.
    pub fn note_buffers(&mut self, session: &Session, buffers: ClientBuffers) {
        if let Some(entry) = self.parts.clients.at(session.owner.place) {
            entry.buffers = buffers;
            entry.queued = session.queued_in_transaction();
            entry.output_peak = entry.output_peak.max(buffers.output);
        }
    }

    /// Returns whether `CLIENT KILL` has marked the connection.
    #[must_use]
    pub fn is_killed(&self, session: &Session) -> bool {
        self.parts.clients.is_killed(session.owner.place)
    }

    /// Returns whether a session may send every command: it is authenticated, or no password is
    /// configured.
    #[must_use]
    pub fn is_admitted(&self, session: &Session) -> bool {
        self.parts.is_admitted(session)
    }

    /// Ends a connection: cancels its task, discards its transaction and marks its regions as orphaned. Later
    /// turns free these regions, each turn within its budget.
    pub fn end(&mut self, connection: &mut Connection) {
        self.housekeeping.end(&mut self.parts, connection);
    }

    /// Serves a request. If the reply [overflows](Reply::overflowed), the request has changed no
    /// state, and the caller can retry it with a larger buffer.
    pub fn serve(
        &mut self,
        connection: &mut Connection,
        arguments: Arguments<'_>,
        reply: &mut Reply<'_>,
    ) -> Served {
        dispatch::serve(&mut self.parts, connection, arguments, reply)
    }

    /// Continues the request in progress within the budget, and writes its reply when it ends.
    /// Returns whether any work was done.
    pub fn step(
        &mut self,
        connection: &mut Connection,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) -> bool {
        let parts = &mut self.parts;
        let errors = parts.metrics.counters.errors;
        let stepped = connection.step(parts, reply, budget);
        if let Some(number) = connection.ended_command()
            && parts.metrics.counters.errors > errors
        {
            parts.metrics.calls.fail(number);
        }
        connection.close_reservation(parts);
        stepped
    }

    /// Decides whether a request of a session in a transaction is queued, served or refused. A
    /// request that can never be served is refused immediately, and its transaction fails at
    /// `EXEC`.
    pub fn check_queued(
        &mut self,
        session: &mut Session,
        arguments: Arguments<'_>,
        reply: &mut Reply<'_>,
    ) -> Queued {
        queueing::check(&mut self.parts, session, arguments, reply)
    }

    /// Ends the transaction of a session in any state.
    pub fn discard_transaction(&mut self, session: &mut Session) {
        self.parts.discard_transaction(session);
    }

    /// Returns the upload of a connection: a write with more data than the input of the connection
    /// holds.
    pub fn upload<'a>(&'a mut self, connection: &'a mut Connection) -> ConnectionUpload<'a, M> {
        ConnectionUpload::new(&mut self.parts, connection)
    }

    /// Copies the next bytes of the session's streamed reply to the front of `room`. Returns the
    /// number of copied bytes. Returns `None` if the region can no longer be read; the announced
    /// bytes then cannot be sent, and the connection must end.
    pub fn stream_on(&mut self, session: &mut Session, room: &mut [u8]) -> Option<usize> {
        self.parts.stream_on(session, room)
    }

    /// Returns whether a streamed reply has ended since the last call. Writes that were delayed by
    /// that reply can then be retried.
    pub fn take_readers_left(&mut self) -> bool {
        self.parts.store.readers.take_ended()
    }

    /// Returns whether any reply is being streamed.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.parts.store.readers.are_any()
    }

    /// Returns whether an audit is in progress, during which no region may be allocated or freed.
    #[must_use]
    pub fn is_checking(&self) -> bool {
        self.parts.workers.is_checking
    }

    /// Returns whether a transaction or an audit is in progress. Some requests of other sessions
    /// are then delayed.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.parts.workers.are_restricted()
    }

    /// Returns whether the transaction of another session is running.
    #[must_use]
    pub fn is_excluded(&self, session: &Session) -> bool {
        self.parts.workers.exclude(session.owner.number)
    }

    /// Returns the error for a reply that is too large. `hint` names the command that the client
    /// can use instead.
    #[must_use]
    pub fn reply_limit(&self, hint: &'static str) -> Failure {
        self.parts.reply_limit(hint)
    }

    /// Returns the maximum size of a reply in bytes.
    #[must_use]
    pub fn reply_bytes_max(&self) -> usize {
        self.parts.reply_bytes_max()
    }

    /// Writes the error `failure` to the reply, and counts it.
    pub fn refuse(&mut self, failure: &Failure, reply: &mut Reply<'_>) {
        self.parts.metrics.refuse(failure, reply);
    }

    /// Collects the results of completed AP operations that no connection waits for. Returns
    /// whether there were any.
    pub fn collect(&mut self) -> bool {
        self.housekeeping.collect(&mut self.parts)
    }

    /// Frees regions with an expired lease and regions of ended connections, within the budget.
    /// Returns whether any work was done.
    pub fn reap(&mut self, budget: &mut Budget) -> bool {
        self.housekeeping.reap(&mut self.parts, budget)
    }

    /// Returns when the next lease may expire, in microseconds since boot.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        self.parts.store.leases.wake_at()
    }

    /// Returns whether no orphaned region can be freed now: there is none, or an operation on an AP
    /// must complete first.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        let ledger = &self.parts.store.ledger;
        ledger.first(ledger.orphans()).is_none() || !self.parts.workers.are_idle()
    }

    /// Does idle work while no client has a request. Returns whether work is left for the next
    /// call.
    pub fn run_idle(&mut self) -> bool {
        background::run_idle(&mut self.parts)
    }

    /// Adds the turn that ends now to the counters of turns and their durations.
    pub fn note_turn(&mut self) {
        let clock = self.parts.store.clock;
        self.parts.metrics.counters.note_turn(clock.read_us().saturating_sub(clock.now_us));
    }

    /// Returns the counters of the traffic.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.parts.metrics.counters
    }

    /// Returns the counters of the traffic mutably.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.parts.metrics.counters
    }

    /// Returns a view of the service for reports.
    #[must_use]
    pub fn reports(&self) -> Reports<'_, M> {
        Reports::new(&self.parts)
    }

    /// Returns whether a client has asked for a shutdown.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.parts.is_shutting_down
    }
}

#[cfg(test)]
mod tests;
