//! The service: what each request does to the window.
//!
//! [`Service`] is the facade that the server works with. Behind it, from the top: `dispatch` finds, checks and serves
//! a request; `table` lists every command and wraps the states of those that outlive their turn into `task`; `command`
//! has one file for each family of commands, which reads, begins, steps, replies and cancels; `call` is what a
//! handler is given. The parts that handlers work with stand below: `store` is the window and its notes, `workers`
//! decides where work is done, `metrics` counts. Nothing here allocates for a request, knows the network, or takes
//! longer than a slice.

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
    /// Takes all memory that the service will ever keep.
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
        let parts = Parts::try_new(vm, buffers, config, seed, Commands::<M>::CATALOG)?;
        Ok(Self { parts, housekeeping: Housekeeping::new() })
    }

    /// Sets when the image booted, in seconds since 1970.
    pub fn set_booted_at(&mut self, seconds: Option<u64>) {
        self.parts.store.clock.booted_at = seconds;
    }

    /// Sets a clock in microseconds, which measures durations inside a turn.
    pub fn set_clock(&mut self, clock: fn() -> u64) {
        self.parts.store.clock.read = Some(clock);
    }

    /// Sets how benchmarks run on the APs too.
    pub fn set_crew(&mut self, crew: RunOnAll<M>) {
        self.parts.crew = Some(crew);
    }

    /// Sets how long work is submitted to an AP.
    pub fn set_submit(&mut self, submit: Submit<M>) {
        self.parts.store.free_pages_max = self.parts.workers.set_submit(submit);
    }

    /// Sets the time of the turn, in microseconds since boot.
    pub fn set_now(&mut self, now_us: u64) {
        self.parts.store.clock.now_us = now_us;
        self.parts.metrics.sample(now_us);
    }

    /// The time of the turn, in microseconds since boot.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.parts.store.clock.now_us
    }

    /// Returns whether the turn has taken so long that other clients should have theirs; `false` without a clock.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.parts.store.clock.is_late()
    }

    /// The window that is served.
    #[must_use]
    pub fn vm(&self) -> &'static Vmalloc<M> {
        self.parts.store.vm
    }

    /// Enters a connection into the client list, with its two ends: the client's and the server's.
    pub fn arrive(&mut self, session: &Session, ends: [SocketAddrV4; 2]) {
        let owner = session.owner;
        self.parts.clients.come(owner.place, owner.number, ends, self.now_us());
    }

    /// Notes what is in the buffers of a connection, for the client list.
    pub fn note_buffers(&mut self, session: &Session, buffers: ClientBuffers) {
        if let Some(entry) = self.parts.clients.at(session.owner.place) {
            entry.buffers = buffers;
            entry.queued = session.queued_in_transaction();
            entry.output_peak = entry.output_peak.max(buffers.output);
        }
    }

    /// Returns whether `CLIENT KILL` wants the connection closed.
    #[must_use]
    pub fn is_killed(&self, session: &Session) -> bool {
        self.parts.clients.is_killed(session.owner.place)
    }

    /// Returns whether a session may send any command.
    #[must_use]
    pub fn is_admitted(&self, session: &Session) -> bool {
        self.parts.is_admitted(session)
    }

    /// Ends a connection: its regions are freed from now on, in slices.
    pub fn end(&mut self, connection: &mut Connection) {
        self.housekeeping.end(&mut self.parts, connection);
    }

    /// Serves a request. Its reply may [overflow](Reply::overflowed): then no more than replying was
    /// done, and the request can be served again with more room.
    pub fn serve(
        &mut self,
        connection: &mut Connection,
        arguments: Arguments<'_>,
        reply: &mut Reply<'_>,
    ) -> Served {
        dispatch::serve(&mut self.parts, connection, arguments, reply)
    }

    /// Gets on with the request in progress, as far as the budget goes; its reply comes with its end.
    /// Returns whether anything was done.
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

    /// Decides what becomes of a request of a session in a transaction. A request that can never be served is refused
    /// now, and `EXEC` later on.
    pub fn check_queued(
        &mut self,
        session: &mut Session,
        arguments: Arguments<'_>,
        reply: &mut Reply<'_>,
    ) -> Queued {
        queueing::check(&mut self.parts, session, arguments, reply)
    }

    /// Ends a session's transaction, whatever its state.
    pub fn discard_transaction(&mut self, session: &mut Session) {
        self.parts.discard_transaction(session);
    }

    /// The upload of a connection: a write of more bytes than its input holds.
    pub fn upload<'a>(&'a mut self, connection: &'a mut Connection) -> ConnectionUpload<'a, M> {
        ConnectionUpload::new(&mut self.parts, connection)
    }

    /// Copies the next bytes of the session's streamed reply to the front of `room`. Returns how many bytes
    /// that is, or `None` if the announced bytes cannot follow and the connection must end.
    pub fn stream_on(&mut self, session: &mut Session, room: &mut [u8]) -> Option<usize> {
        self.parts.stream_on(session, room)
    }

    /// Returns whether a reader has ended since the last call: writes that were delayed may go on.
    pub fn take_readers_left(&mut self) -> bool {
        self.parts.store.readers.take_ended()
    }

    /// Returns whether any reply is being streamed.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.parts.store.readers.are_any()
    }

    /// Returns whether an audit is in progress, during which nothing may be allocated or freed.
    #[must_use]
    pub fn is_checking(&self) -> bool {
        self.parts.workers.is_checking
    }

    /// Returns whether a transaction or an audit is in progress: some requests wait.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.parts.workers.are_restricted()
    }

    /// Returns whether another session's transaction runs.
    #[must_use]
    pub fn is_excluded(&self, session: &Session) -> bool {
        self.parts.workers.exclude(session.owner.number)
    }

    /// The error about a reply that is too large, with a hint which command to use instead.
    #[must_use]
    pub fn reply_limit(&self, hint: &'static str) -> Failure {
        self.parts.reply_limit(hint)
    }

    /// Bytes that a reply may have.
    #[must_use]
    pub fn reply_bytes_max(&self) -> usize {
        self.parts.reply_bytes_max()
    }

    /// Counts and writes an error.
    pub fn refuse(&mut self, failure: &Failure, reply: &mut Reply<'_>) {
        self.parts.metrics.refuse(failure, reply);
    }

    /// Collects the completions that no connection waits for. Returns whether there were any.
    pub fn collect(&mut self) -> bool {
        self.housekeeping.collect(&mut self.parts)
    }

    /// Frees regions whose lease has ended and regions of connections that have ended, as far as
    /// the budget goes. Returns whether anything was done.
    pub fn reap(&mut self, budget: &mut Budget) -> bool {
        self.housekeeping.reap(&mut self.parts, budget)
    }

    /// When the next lease may end, in microseconds since boot.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        self.parts.store.leases.wake_at()
    }

    /// Returns whether no region is left to reap, or none before an AP has got on.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        let ledger = &self.parts.store.ledger;
        ledger.first(ledger.orphans()).is_none() || !self.parts.workers.are_idle()
    }

    /// Uses the time while no client asks for anything. Returns whether there is more to do.
    pub fn run_idle(&mut self) -> bool {
        background::run_idle(&mut self.parts)
    }

    /// Counts the turn that ends now.
    pub fn note_turn(&mut self) {
        let clock = self.parts.store.clock;
        self.parts.metrics.counters.note_turn(clock.read_us().saturating_sub(clock.now_us));
    }

    /// The counters of the traffic.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.parts.metrics.counters
    }

    /// The counters of the traffic, to be changed.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.parts.metrics.counters
    }

    /// What reports say of the service.
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
