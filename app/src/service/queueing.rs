//! Decides whether a request inside a transaction is queued, served immediately or refused.

use vmalloc::Access;

use super::catalog::Lookup;
use super::failure::Failure;
use super::parts::Parts;
use super::session::{Session, Transaction};
use super::table::Commands;
use super::unknown;
use crate::resp::{Arguments, Reply};

/// The decision about a request inside a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    /// The request is served immediately.
    Serve,
    /// The request is `EXEC`. The queued requests are served next, unless a watched key has
    /// changed.
    Execute,
    /// The request is to be queued.
    Queue,
    /// The request is refused; the reply contains the reason.
    Refused,
}

/// Commands that are served inside a transaction instead of being queued.
const IMMEDIATE: [&str; 6] = ["EXEC", "DISCARD", "MULTI", "WATCH", "RESET", "QUIT"];

/// Output space for the reply of a queued request, in bytes. The reply of every request that
/// changes state fits into that space.
const REPLY_BYTES: usize = 1024;
/// Output space for the reply of a queued `VMALLOCN`, which has up to 1024 ids, in bytes.
const REPLY_BYTES_BATCH: usize = 20 << 10;

/// Decides whether a request of a session in a transaction is queued, served immediately or
/// refused. A request that could never succeed, such as an unknown command, is refused immediately,
/// and its transaction then fails at `EXEC`.
pub(super) fn check<M: Access>(
    parts: &mut Parts<M>,
    session: &mut Session,
    arguments: Arguments<'_>,
    reply: &mut Reply<'_>,
) -> Queued {
    let number = match Commands::<M>::look_up(arguments) {
        Lookup::Command(number) => {
            let command = Commands::<M>::facts(number);
            if command.name == "EXEC" {
                let will_execute = session.transaction == Transaction::Open;
                let is_ready = command.takes(arguments.count()) && will_execute;
                return if is_ready { Queued::Execute } else { Queued::Serve };
            }
            if !command.takes(arguments.count()) {
                unknown::wrong_count(command, reply);
            } else if IMMEDIATE.contains(&command.name) {
                return Queued::Serve;
            } else if command.flags.exclude_transactions() {
                Failure::Redis("Command not allowed inside a transaction").write(reply);
            } else if let Err(failure) = parts.admit(session, command) {
                failure.write(reply);
            } else {
                return Queued::Queue;
            }
            number
        }
        Lookup::NoSubcommand(number) => {
            unknown::unknown_subcommand(parts.catalog.at(number), arguments, reply);
            usize::MAX
        }
        Lookup::Unknown => {
            unknown::unknown(arguments, reply);
            usize::MAX
        }
    };
    parts.metrics.reject_call(number, "ERR");
    session.fail_transaction();
    Queued::Refused
}

/// Returns the output space that is reserved for the reply of a queued request, in bytes. Only the
/// reply of a request that changes no state may be longer.
#[must_use]
pub fn reply_bytes(arguments: Arguments<'_>) -> usize {
    match arguments.get(0) {
        Some(name) if name.eq_ignore_ascii_case(b"VMALLOCN") => REPLY_BYTES_BATCH,
        _ => REPLY_BYTES,
    }
}
