//! `MULTI`, `EXEC` and `DISCARD`: requests that are queued and then served without others in between.
//!
//! The session knows how far its transaction is; the requests themselves are kept by the connection.
//! While a transaction runs, requests of other sessions that could observe or change keys wait.

use vmalloc::Machine;

use super::Service;
use super::call::{self, Call};
use super::failure::Failure;
use super::session::Session;
use super::table::{Commands, Found};
use crate::resp::{Arguments, Reply};

/// How far a session's transaction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transaction {
    /// There is none.
    #[default]
    None,
    /// Requests are queued.
    Open,
    /// Requests are queued, and one could not be.
    Failed,
    /// The queued requests are served.
    Running,
}

/// The way that a request inside a transaction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    /// It is served at once.
    Serve,
    /// It is `EXEC`, and the queue will be served, unless a watched key has changed.
    Execute,
    /// It is to be queued.
    Queue,
    /// The reply says why it cannot be queued.
    Refused,
}

/// Commands that are served inside a transaction, not queued.
const IMMEDIATE: [&str; 6] = ["EXEC", "DISCARD", "MULTI", "WATCH", "RESET", "QUIT"];

/// Room for the reply of a queued request: the replies of all that changes anything fit.
const REPLY_BYTES: usize = 1024;
/// The same for `VMALLOCN`, which answers with up to 1024 ids.
const REPLY_BYTES_BATCH: usize = 20 << 10;

/// Decides what becomes of a request of a session in a transaction. A request that can never be served is refused
/// now, and `EXEC` later on.
pub fn check_queued<M: Machine>(
    service: &mut Service<M>,
    session: &mut Session,
    arguments: Arguments<'_>,
    reply: &mut Reply<'_>,
) -> Queued {
    let number = match Commands::<M>::look_up(arguments) {
        Found::Command(_, command) if command.name == "EXEC" => {
            let is_ready = command.takes(arguments.count()) && session.will_execute();
            return if is_ready { Queued::Execute } else { Queued::Serve };
        }
        Found::Command(number, command) => {
            if !command.takes(arguments.count()) {
                call::wrong_count(command, reply);
            } else if IMMEDIATE.contains(&command.name) {
                return Queued::Serve;
            } else if command.flags.exclude_transactions() {
                Failure::Redis("Command not allowed inside a transaction").write(reply);
            } else if let Err(failure) = service.admit(session, command) {
                failure.write(reply);
            } else {
                return Queued::Queue;
            }
            number
        }
        Found::NoSubcommand(command) => {
            call::unknown_subcommand(command, arguments, reply);
            usize::MAX
        }
        Found::Nothing => {
            call::unknown(arguments, reply);
            usize::MAX
        }
    };
    service.refuse_call(number, "ERR");
    session.fail_transaction();
    Queued::Refused
}

/// Bytes that the reply of a queued request may need, beside replies that only read.
#[must_use]
pub fn reply_bytes(arguments: Arguments<'_>) -> usize {
    match arguments.get(0) {
        Some(name) if name.eq_ignore_ascii_case(b"VMALLOCN") => REPLY_BYTES_BATCH,
        _ => REPLY_BYTES,
    }
}

/// `MULTI`
pub(super) fn multi<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if call.session.is_in_transaction() {
        return Err(Failure::Redis("MULTI calls can not be nested"));
    }
    call.session.transaction = Transaction::Open;
    call.reply.status("OK");
    Ok(())
}

/// `DISCARD`
pub(super) fn discard<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if !call.session.is_in_transaction() {
        return Err(Failure::Redis("DISCARD without MULTI"));
    }
    call.service.discard_transaction(call.session);
    call.reply.status("OK");
    Ok(())
}

/// `EXEC`: the header of the reply; the replies of the queued requests follow.
pub(super) fn exec<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let service = &mut *call.service;
    match call.session.transaction {
        Transaction::None | Transaction::Running => {
            return Err(Failure::Redis("EXEC without MULTI"));
        }
        Transaction::Failed => {
            service.discard_transaction(call.session);
            return Err(Failure::Plain(
                "EXECABORT Transaction discarded because of previous errors.",
            ));
        }
        Transaction::Open if service.watches.is_dirty(call.session.place) => {
            service.discard_transaction(call.session);
            call.reply.null_array();
        }
        Transaction::Open => {
            // Work that other CPUs do for other sessions changes keys when it ends.
            if service.errands.can_be_sent() && !service.hold(call.session) {
                return Ok(());
            }
            call.reply.array(call.session.queued);
            service.unwatch(call.session);
            service.exclusive = call.session.number;
            call.session.transaction = Transaction::Running;
        }
    }
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Ends a session's transaction, whatever its state.
    pub fn discard_transaction(&mut self, session: &mut Session) {
        if self.exclusive == session.number {
            self.exclusive = 0;
        }
        session.transaction = Transaction::None;
        session.queued = 0;
        self.unwatch(session);
    }

    /// Whether a transaction runs, or an audit: some requests wait.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.is_checking | (self.exclusive != 0)
    }

    /// Whether another session's transaction runs.
    #[must_use]
    pub fn is_excluded(&self, session: &Session) -> bool {
        self.exclusive != 0 && self.exclusive != session.number
    }
}

impl Session {
    /// Whether its requests are queued.
    #[must_use]
    pub fn is_queuing(&self) -> bool {
        matches!(self.transaction, Transaction::Open | Transaction::Failed)
    }

    /// Whether its queued requests are served.
    #[must_use]
    pub fn is_executing(&self) -> bool {
        self.transaction == Transaction::Running
    }

    /// Whether it is in a transaction.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.transaction != Transaction::None
    }

    /// Requests that are queued, where it is in a transaction.
    pub(super) fn queued_in_transaction(&self) -> Option<usize> {
        self.is_in_transaction().then_some(self.queued)
    }

    fn will_execute(&self) -> bool {
        self.transaction == Transaction::Open
    }

    /// Says that a request was queued.
    pub fn note_queued(&mut self) {
        self.queued += 1;
    }

    /// Says that a request could not be queued: `EXEC` will fail.
    pub fn fail_transaction(&mut self) {
        self.transaction = Transaction::Failed;
    }
}
