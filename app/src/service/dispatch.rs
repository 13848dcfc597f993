//! Processes one request: looks it up, checks it, calls its handler and writes the reply.

use runtime_config::limits;
use vmalloc::Access;

use super::call::{Call, Progress};
use super::catalog::{Facts, Group, Lookup};
use super::connection::Connection;
use super::failure::Failure;
use super::parts::Parts;
use super::session::Session;
use super::table::{Commands, Handler};
use super::unknown;
use crate::resp::{Arguments, Reply};

/// The error for an `EXEC` with arguments.
const EXEC_ARITY: &str =
    "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
/// The error for an `EXEC` without authentication.
const EXEC_NOT_ADMITTED: &str =
    "EXECABORT Transaction discarded because of: NOAUTH Authentication required.";

/// The result of serving a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// The command that the error recommends if the reply exceeds its limit.
    pub hint: &'static str,
}

/// Serves a request. If the reply [overflows](Reply::overflowed), the request has changed no state,
/// and the caller can retry it with a larger buffer.
pub(super) fn serve<M: Access>(
    parts: &mut Parts<M>,
    connection: &mut Connection,
    arguments: Arguments<'_>,
    reply: &mut Reply<'_>,
) -> Served {
    let refused = Served { hint: "" };
    let number = match Commands::<M>::look_up(arguments) {
        Lookup::Command(number) => number,
        Lookup::NoSubcommand(number) => {
            parts.metrics.reject_call(usize::MAX, "ERR");
            unknown::unknown_subcommand(parts.catalog.at(number), arguments, reply);
            return refused;
        }
        Lookup::Unknown => {
            parts.metrics.reject_call(usize::MAX, "ERR");
            unknown::unknown(arguments, reply);
            return refused;
        }
    };
    let command = Commands::<M>::facts(number);
    if !is_served(parts, connection, number, command, arguments, reply) {
        return refused;
    }
    let session = &mut connection.session;
    if parts.store.readers.have_writer() {
        parts.store.readers.forget_writer(session.owner);
    }
    if parts.workers.are_restricted() && must_wait(parts, session, command) {
        connection.delay();
        return refused;
    }
    if let Some(entry) = parts.clients.at(session.owner.place) {
        entry.seen_us = parts.store.clock.now_us;
        // The client list shows `EXEC`, not the queued requests that it serves.
        if !session.is_executing() {
            entry.command = command.name;
        }
    }
    let start_us = if parts.metrics.calls.begin(number) {
        parts.store.clock.read.map(|read| read())
    } else {
        None
    };
    let lookups = parts.store.lookups;
    let mark = reply.mark();
    let reply_bytes_max = parts.reply_bytes_max();
    let (session, task) = connection.session_and_task();
    let progress = {
        let (parts, reply) = (&mut *parts, &mut *reply);
        let mut call = Call { parts, session, arguments, reply, reply_bytes_max };
        match Commands::<M>::handler(number) {
            Handler::Short(handler) => handler(&mut call).map(|()| Progress::Answered),
            Handler::Long(handler) => handler(&mut call, task),
        }
    };
    match progress {
        Ok(progress) => connection.note(progress),
        // Redis has no error for a key that is being changed, so a string-key command waits until
        // the change is complete.
        Err(Failure::Changing(_)) if command.group == Group::Key => {
            reply.rewind(mark);
            connection.delay();
        }
        Err(failure) => {
            reply.rewind(mark);
            parts.metrics.calls.fail(number);
            parts.metrics.refuse(&failure.in_words_of(command.group), reply);
        }
    }
    if start_us.is_some() || connection.is_busy() || reply.overflowed() {
        // A suppressed reply has no bytes, so its request is not retried.
        let comes_again = reply.overflowed() && !connection.session.is_suppressed();
        if comes_again || connection.is_waiting() && !connection.has_begun() {
            parts.store.lookups = lookups;
        }
        end_call(parts, connection, number, start_us, comes_again);
    }
    if parts.workers.are_held() && !connection.is_waiting() {
        // The request may have ended without the work for which it waited.
        parts.workers.release(connection.session.owner.number);
    }
    connection.close_reservation(parts);
    Served { hint: command.hint }
}

/// Checks the number of arguments and the authentication. Returns `false` if the request was
/// refused; the error has then been written.
#[inline(always)]
fn is_served<M: Access>(
    parts: &mut Parts<M>,
    connection: &mut Connection,
    number: usize,
    command: &'static Facts,
    arguments: Arguments<'_>,
    reply: &mut Reply<'_>,
) -> bool {
    let (count, limit) = (arguments.count(), limits::ARGUMENTS_AT_ONCE);
    if !command.takes(count) {
        parts.metrics.reject_call(number, "ERR");
        if command.name == "EXEC" {
            parts.discard_transaction(&mut connection.session);
            Failure::Plain(EXEC_ARITY).write(reply);
        } else {
            unknown::wrong_count(command, reply);
        }
        return false;
    }
    if count > limit && !command.is_walked {
        parts.metrics.reject_call(number, "ERR");
        Failure::TooManyArguments(count, limit).write(reply);
        return false;
    }
    if let Err(failure) = parts.admit(&connection.session, command) {
        parts.metrics.reject_call(number, "NOAUTH");
        match command.name {
            "EXEC" => Failure::Plain(EXEC_NOT_ADMITTED).write(reply),
            _ => failure.write(reply),
        }
        return false;
    }
    true
}

/// Returns whether a request must wait until an audit or the transaction of another session has
/// ended.
#[cold]
fn must_wait<M: Access>(parts: &Parts<M>, session: &Session, command: &Facts) -> bool {
    let is_apart = matches!(command.group, Group::Connection | Group::Report);
    let workers = &parts.workers;
    workers.is_checking && !command.is_light || workers.exclude(session.owner.number) && !is_apart
}

/// Ends a call that was timed, that continues later, or that will be retried. A call that will be
/// retried is not counted.
#[cold]
fn end_call<M: Access>(
    parts: &mut Parts<M>,
    connection: &mut Connection,
    number: usize,
    start_us: Option<u64>,
    comes_again: bool,
) {
    let calls = &mut parts.metrics.calls;
    if comes_again || connection.is_waiting() {
        calls.take_back(number);
        return;
    }
    if let Some((start_us, read)) = start_us.zip(parts.store.clock.read) {
        calls.time(number, read().saturating_sub(start_us));
    }
    connection.note_command(number);
}
