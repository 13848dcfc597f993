//! The parts of the service that handlers use.

use runtime_config::cmdline::Config;
use vmalloc::{Access, PAGE_BYTES, Row, Vmalloc};

use super::catalog::{Catalog, Facts};
use super::client_list::ClientList;
use super::failure::Failure;
use super::identity::Identity;
use super::metrics::{self, CommandStats, Gauges, Metrics};
use super::session::{Session, Transaction};
use super::store::{LINE_END, Store};
use super::workers::{Background, Workers};
use crate::bench::RunOnAll;
use crate::buffers::{Buffers, Shortage};

/// Bytes of a reply around its payload. With this allowance, a bulk string of the maximum size is a
/// valid reply.
const FRAMING_BYTES: usize = 64;

/// The error for a command without authentication.
pub const NOT_ADMITTED: Failure = Failure::Plain("NOAUTH Authentication required.");

/// The parts of the service: its state without housekeeping.
#[derive(Debug)]
pub(super) struct Parts<M: Access + 'static> {
    pub(super) store: Store<M>,
    pub(super) workers: Workers<M>,
    pub(super) background: Background,
    pub(super) metrics: Metrics,
    pub(super) clients: ClientList,
    pub(super) config: Config,
    pub(super) catalog: Catalog,
    pub(super) identity: Identity,
    pub(super) crew: Option<RunOnAll<M>>,
    /// Whether a client has requested a shutdown.
    pub(super) is_shutting_down: bool,
    /// When a refused shutdown may be logged again, in microseconds since boot.
    pub(super) shutdown_log_at_us: u64,
}

impl<M: Access> Parts<M> {
    /// Allocates all memory that the parts will ever need.
    ///
    /// # Errors
    ///
    /// A buffer could not be allocated.
    pub(super) fn try_new<B: Buffers>(
        vm: &'static Vmalloc<M>,
        buffers: &B,
        config: &Config,
        seed: u64,
        catalog: Catalog,
    ) -> Result<Self, Shortage> {
        Ok(Self {
            store: Store::try_new(vm, buffers, config, seed)?,
            workers: Workers::new(),
            background: Background::default(),
            metrics: Metrics::new(catalog.all().len()),
            clients: ClientList::with_places(config.clients),
            config: *config,
            catalog,
            identity: Identity::new(seed),
            crew: None,
            is_shutting_down: false,
            shutdown_log_at_us: 0,
        })
    }

    /// Returns the maximum size of a reply in bytes.
    pub(super) fn reply_bytes_max(&self) -> usize {
        self.config.output_bytes + FRAMING_BYTES
    }

    /// Returns the error for a reply that is too large. `hint` names the command that the client
    /// can use instead.
    pub(super) fn reply_limit(&self, hint: &'static str) -> Failure {
        Failure::ReplyLimit(self.config.output_bytes, hint)
    }

    /// Returns the maximum total size of all regions in bytes: the whole memory without the reserve
    /// for page tables, network and metadata.
    pub(super) fn memory_bytes_max(&self) -> u64 {
        let stats = self.store.vm.stats();
        stats.frames_total.saturating_sub(stats.frames_reserve) * PAGE_BYTES
    }

    /// Calls `row` with every row of the table of counters: first the rows of the window, then the
    /// rows of the service.
    pub(super) fn for_each_row(&self, row: &mut dyn FnMut(Row)) {
        let store = &self.store;
        let gauges = Gauges {
            uptime_s: store.clock.now_us / 1_000_000,
            booted_at: store.clock.booted_at,
            regions: store.ledger.count(),
            names: store.names.count() as u64,
            submitted: self.workers.submitted(),
        };
        let own = metrics::rows(&self.metrics.counters, gauges);
        store.vm.stats().rows().chain(own).for_each(row);
    }

    /// Ends the transaction of a session in any state.
    pub(super) fn discard_transaction(&mut self, session: &mut Session) {
        if self.workers.exclusive == session.owner.number {
            self.workers.exclusive = 0;
        }
        session.transaction = Transaction::None;
        session.queued = 0;
        self.store.watches.clear(session.owner.place);
    }

    /// Returns whether a session may send every command: it is authenticated, or no password is
    /// configured.
    pub(super) fn is_admitted(&self, session: &Session) -> bool {
        session.is_authenticated || self.config.password.is_empty()
    }

    /// Refuses a command that requires authentication if the session is not authenticated.
    pub(super) fn admit(&self, session: &Session, command: &Facts) -> Result<(), Failure> {
        if command.flags.are_without_password() || self.is_admitted(session) {
            return Ok(());
        }
        Err(NOT_ADMITTED)
    }

    /// Returns the name and statistics of every command, then those of unknown commands.
    pub(super) fn command_stats(&self) -> impl Iterator<Item = (&'static str, &CommandStats)> {
        let names = self.catalog.all().iter().map(|command| command.name);
        names.chain(["unknown"]).zip(self.metrics.calls.iter())
    }

    /// Copies the next bytes of the session's streamed reply to the front of `room`. Returns the
    /// number of copied bytes, or `None` if the region can no longer be read.
    pub(super) fn stream_on(&mut self, session: &mut Session, room: &mut [u8]) -> Option<usize> {
        let streamed = session.streamed.as_mut()?;
        let room_for_bytes = room.len().checked_sub(LINE_END.len())?;
        let length =
            usize::try_from(streamed.left).map_or(room_for_bytes, |left| left.min(room_for_bytes));
        self.store.read_at(streamed.start, &mut room[..length]).ok()?;
        streamed.start += length as u64;
        streamed.left -= length as u64;
        if streamed.left > 0 {
            return Some(length);
        }
        room[length..][..LINE_END.len()].copy_from_slice(LINE_END);
        self.end_streamed(session);
        Some(length + LINE_END.len())
    }

    /// Ends the streamed reply of a session, even if bytes of the reply are left.
    pub(super) fn end_streamed(&mut self, session: &mut Session) {
        if let Some(streamed) = session.streamed.take() {
            self.store.remove_reader(streamed.id);
        }
    }
}
