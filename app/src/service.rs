//! The service: it applies each request to the window.
//!
//! [`Service`] is the facade that the server uses. The layers behind it, from the top: `dispatch`
//! looks a request up, checks it and serves it; `table` lists every command and wraps the state of
//! a command that outlives its turn into `task`; `command` has one file per family of commands,
//! with their handlers; `call` is the context of a handler. Handlers use the parts below them:
//! `store` is the window and the records of its regions, `workers` decides where work is done,
//! `metrics` counts. The service allocates no memory for a request, does not know the network, and
//! does at most one slice of long work per turn.

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
use vmalloc::{Machine, Vmalloc};

use crate::bench::RunOnAll;
use crate::buffers::{Buffers, Shortage};
use crate::resp::{Arguments, Reply};
use housekeeping::Housekeeping;
use parts::Parts;

/// The service. It outlives every connection.
#[derive(Debug)]
pub struct Service<M: Machine + 'static> {
    parts: Parts<M>,
    housekeeping: Housekeeping,
}

impl<M: Machine> Service<M> {
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

    /// Sets how benchmarks run on the APs.
    pub fn set_crew(&mut self, crew: RunOnAll<M>) {
        self.parts.crew = Some(crew);
    }

    /// Sets how long-running work is submitted to an AP.
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

    /// Returns whether the turn has used up its time and must serve no further requests; `false`
    /// without a clock.
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

    /// Records the buffer sizes of a connection, for the client list.
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

    /// Ends a connection. Its regions are freed later, in slices.
    pub fn end(&mut self, connection: &mut Connection) {
        self.housekeeping.end(&mut self.parts, connection);
    }

    /// Serves a request. If its reply [overflows](Reply::overflowed), the request has changed no
    /// state and can be retried with more room.
    pub fn serve(
        &mut self,
        connection: &mut Connection,
        arguments: Arguments<'_>,
        reply: &mut Reply<'_>,
    ) -> Served {
        dispatch::serve(&mut self.parts, connection, arguments, reply)
    }

    /// Steps the request in progress within the budget; its reply is written when it ends. Returns
    /// whether any work was done.
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

    /// Returns the upload of a connection: a write of more bytes than its input holds.
    pub fn upload<'a>(&'a mut self, connection: &'a mut Connection) -> ConnectionUpload<'a, M> {
        ConnectionUpload::new(&mut self.parts, connection)
    }

    /// Copies the next bytes of the session's streamed reply to the front of `room`. Returns how
    /// many were copied, or `None` if the announced bytes cannot follow and the connection must
    /// end.
    pub fn stream_on(&mut self, session: &mut Session, room: &mut [u8]) -> Option<usize> {
        self.parts.stream_on(session, room)
    }

    /// Returns whether a reader has ended since the last call, so that delayed writes can be
    /// retried.
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

    /// Returns whether a transaction or an audit is in progress, which delays some requests.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.parts.workers.are_restricted()
    }

    /// Returns whether the transaction of another session is running.
    #[must_use]
    pub fn is_excluded(&self, session: &Session) -> bool {
        self.parts.workers.exclude(session.owner.number)
    }

    /// Returns the error for a reply that is too large; `hint` names the command to use instead.
    #[must_use]
    pub fn reply_limit(&self, hint: &'static str) -> Failure {
        self.parts.reply_limit(hint)
    }

    /// Returns the maximum size of a reply in bytes.
    #[must_use]
    pub fn reply_bytes_max(&self) -> usize {
        self.parts.reply_bytes_max()
    }

    /// Counts an error and writes it.
    pub fn refuse(&mut self, failure: &Failure, reply: &mut Reply<'_>) {
        self.parts.metrics.refuse(failure, reply);
    }

    /// Collects completed operations that no connection waits for. Returns whether there were any.
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

    /// Returns whether no region is left to reap before an operation on an AP completes.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        let ledger = &self.parts.store.ledger;
        ledger.first(ledger.orphans()).is_none() || !self.parts.workers.are_idle()
    }

    /// Does idle work while no client has a request. Returns whether more is left.
    pub fn run_idle(&mut self) -> bool {
        background::run_idle(&mut self.parts)
    }

    /// Counts the turn that ends now.
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
