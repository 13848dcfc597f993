//! One request: looked up, checked, served, answered.

use arrayvec::ArrayString;
use runtime_config::limits;
use vmalloc::{Machine, RegionId, RegionInfo};

use super::failure::{Failure, Place, Word};
use super::ledger::State;
use super::names::Shown;
use super::session::Session;
use super::table::{Command, Commands, Found, Group};
use super::{CLIENT, Service};
use crate::resp::{self, Arguments, Reply};

/// Bytes of a reply around its payload: a bulk string of the largest size is still a reply.
const FRAMING_BYTES: usize = 64;

/// How much of a request the error about an unknown command repeats, as in Redis.
const ECHOED_BYTES_MAX: usize = 128;

/// An `EXEC` with arguments.
const EXEC_ARITY: &str =
    "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
/// An `EXEC` before the password was said.
const EXEC_NOT_ADMITTED: &str =
    "EXECABORT Transaction discarded because of: NOAUTH Authentication required.";

/// A request being served.
#[derive(Debug)]
pub struct Call<'a, 'r, M: Machine + 'static> {
    /// What outlives the connection.
    pub(super) service: &'a mut Service<M>,
    /// What belongs to the connection.
    pub(super) session: &'a mut Session,
    /// The command's name and its arguments.
    pub(super) arguments: Arguments<'a>,
    /// Where the answer goes.
    pub(super) reply: &'a mut Reply<'r>,
    /// Bytes that a reply may have: [`Service::reply_bytes_max`].
    pub(super) reply_bytes_max: usize,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// What to say where the reply is larger than the output may be.
    pub hint: &'static str,
}

/// Serves a request. Its reply may [overflow](Reply::overflowed): then nothing but replying was
/// done, and the request can be served again with more room.
pub fn serve<M: Machine>(
    service: &mut Service<M>,
    session: &mut Session,
    arguments: Arguments<'_>,
    reply: &mut Reply<'_>,
) -> Served {
    let (number, command) = match Commands::<M>::look_up(arguments) {
        Found::Command(number, command) => (number, command),
        Found::NoSubcommand(command) => {
            service.refuse_call(usize::MAX, "ERR");
            unknown_subcommand(command, arguments, reply);
            return Served { hint: "" };
        }
        Found::Nothing => {
            service.refuse_call(usize::MAX, "ERR");
            unknown(arguments, reply);
            return Served { hint: "" };
        }
    };
    if !command.takes(arguments.count()) {
        service.refuse_call(number, "ERR");
        if command.name == "EXEC" {
            service.discard_transaction(session);
            Failure::Plain(EXEC_ARITY).write(reply);
            return Served { hint: "" };
        }
        wrong_count(command, reply);
        return Served { hint: "" };
    }
    if arguments.count() > limits::ARGUMENTS_AT_ONCE && !command.is_walked {
        service.refuse_call(number, "ERR");
        let (count, limit) = (arguments.count(), limits::ARGUMENTS_AT_ONCE);
        Failure::TooManyArguments(count, limit).write(reply);
        return Served { hint: "" };
    }
    if let Some(failure) = session.failure.take() {
        service.refuse(&failure.in_words_of(command.group), reply);
        return Served { hint: "" };
    }
    if let Err(failure) = service.admit(session, command) {
        service.refuse_call(number, "NOAUTH");
        match command.name {
            "EXEC" => Failure::Plain(EXEC_NOT_ADMITTED).write(reply),
            _ => failure.write(reply),
        }
        return Served { hint: "" };
    }
    if service.writer.is_some() {
        service.forget_writer(session);
    }
    if service.is_restricted() && service.must_wait(session, command) {
        service.put_off(session);
        return Served { hint: "" };
    }
    if let Some(entry) = service.client_list.at(session.place) {
        entry.seen_us = service.now_us;
        // A queued request is a part of its `EXEC`.
        if !session.is_executing() {
            entry.command = command.name;
        }
    }
    let start_us = service.begin_call(number);
    let lookups = service.counters.lookups;
    let mark = reply.mark();
    let reply_bytes_max = service.reply_bytes_max();
    let mut call = Call { service, session, arguments, reply, reply_bytes_max };
    match (command.handler)(&mut call) {
        Ok(()) => {}
        // Redis has no such state: a client of string keys waits until it is over.
        Err(Failure::Changing(_)) if command.group == Group::Key => {
            reply.rewind(mark);
            service.put_off(session);
        }
        Err(failure) => {
            reply.rewind(mark);
            service.fail_call(number);
            service.refuse(&failure.in_words_of(command.group), reply);
        }
    }
    if start_us.is_some() || session.is_busy() || reply.overflowed() {
        // A reply that is dropped is not asked for again.
        let comes_again = reply.overflowed() && !session.is_suppressed();
        if comes_again || session.is_waiting() && session.walk.is_none() {
            service.counters.lookups = lookups;
        }
        service.end_call(session, number, start_us, comes_again);
    }
    service.close_reservation(session);
    Served { hint: command.hint }
}

impl<M: Machine> Service<M> {
    /// Whether a request waits for the end of an audit, or of another session's transaction.
    #[cold]
    fn must_wait(&self, session: &Session, command: &Command<M>) -> bool {
        let is_apart = matches!(command.group, Group::Connection | Group::Report);
        self.is_checking && !command.is_light || self.is_excluded(session) && !is_apart
    }

    /// The error about a reply that is larger than that, with a hint what to use instead.
    #[must_use]
    pub fn reply_limit(&self, hint: &'static str) -> Failure {
        Failure::ReplyLimit(self.config.output_bytes, hint)
    }

    /// Bytes that a reply may have.
    #[must_use]
    pub fn reply_bytes_max(&self) -> usize {
        self.config.output_bytes + FRAMING_BYTES
    }

    /// Writes the error of a request that failed.
    pub(super) fn answer(&mut self, result: Result<(), Failure>, reply: &mut Reply<'_>) {
        if let Err(failure) = result {
            self.refuse(&failure, reply);
        }
    }

    /// Writes an error.
    pub fn refuse(&mut self, failure: &Failure, reply: &mut Reply<'_>) {
        self.counters.errors += 1;
        self.errors.count(failure);
        failure.write(reply);
    }

    /// A region as errors name it.
    pub(super) fn place(&self, id: RegionId) -> Place {
        let name = self.ledger.name(id).map(|name| self.names.text(name));
        Place { id, name: name.map(|name| Shown::of_pieces(name.pieces())) }
    }

    /// Reads `<r>`: an id, or `@` and a name.
    pub(super) fn id(&self, text: &[u8]) -> Result<RegionId, Failure> {
        if let Some(name) = text.strip_prefix(b"@") {
            let index = self.names.find(name);
            let id = index.and_then(|index| self.names.id(index));
            return id.ok_or_else(|| Failure::NoName(Shown::of(name)));
        }
        let invalid = || Failure::Invalid("a region is an id or @name", Word::new(text));
        let raw = resp::decimal(text).ok_or_else(invalid)?;
        RegionId::from_raw(raw).ok_or(Failure::NoRegion(vmalloc::RegionError::Unknown { id: raw }))
    }

    /// What is known of a client's region, whoever owns it.
    pub(super) fn any_region(&self, text: &[u8]) -> Result<RegionInfo, Failure> {
        self.any(self.id(text)?)
    }

    /// The same by its id. An empty value has no requested bytes, whatever the library says.
    pub(super) fn any(&self, id: RegionId) -> Result<RegionInfo, Failure> {
        let mut info = self.vm.info(id)?;
        if info.caller != CLIENT {
            return Ok(info);
        }
        match self.ledger.state(id) {
            Some(State::Ready) => {
                info.requested = self.requested(&info);
                Ok(info)
            }
            Some(State::Changing) => Err(Failure::Changing(id)),
            Some(State::Fresh) | None => Err(Failure::NotUsable(id)),
        }
    }

    /// Bytes that a region's client can read and write. A region of the library has at least one,
    /// the value of a key may have none.
    #[must_use]
    pub fn requested(&self, info: &RegionInfo) -> u64 {
        if self.ledger.is_empty(info.id) { 0 } else { info.requested }
    }

    /// What is known of a region that the session may use: its own, or one with a name.
    pub(super) fn region(&self, session: &Session, text: &[u8]) -> Result<RegionInfo, Failure> {
        self.usable(session, self.id(text)?)
    }

    /// The same by its id.
    pub(super) fn usable(&self, session: &Session, id: RegionId) -> Result<RegionInfo, Failure> {
        let info = self.any(id)?;
        if info.system || info.caller != CLIENT {
            return Err(Failure::System(info.id, info.caller));
        }
        if info.owner != 0 && info.owner != session.number {
            return Err(Failure::NotOwner(info.id));
        }
        Ok(info)
    }
}

impl<'a, M: Machine> Call<'a, '_, M> {
    /// An argument; its presence was checked with the arity, an absent one is empty.
    pub(super) fn argument(&self, index: usize) -> &'a [u8] {
        self.arguments.get(index).unwrap_or_default()
    }

    /// Whether the reply is already larger than it may be: no use in going on.
    pub(super) fn is_hopeless(&self) -> bool {
        self.reply.length() > self.reply_bytes_max
    }

    /// Refuses a report whose rows cannot fit into a reply, before any of them is made.
    pub(super) fn check_length(
        &self,
        rows: u64,
        row_bytes_min: u64,
        hint: &'static str,
    ) -> Result<(), Failure> {
        let is_too_long = rows.saturating_mul(row_bytes_min) > self.reply_bytes_max as u64;
        if is_too_long { Err(self.service.reply_limit(hint)) } else { Ok(()) }
    }

    /// Reads a plain number.
    pub(super) fn number(&self, index: usize, what: &'static str) -> Result<u64, Failure> {
        let text = self.argument(index);
        resp::decimal(text).ok_or_else(|| Failure::Invalid(what, Word::new(text)))
    }

    /// Reads a number of bytes.
    pub(super) fn size(&self, index: usize, what: &'static str) -> Result<u64, Failure> {
        let text = self.argument(index);
        super::size::parse(text).ok_or_else(|| Failure::Invalid(what, Word::new(text)))
    }
}

/// Redis' wording, byte for byte: what a client sent may be anything.
pub(super) fn unknown(arguments: Arguments<'_>, reply: &mut Reply<'_>) {
    let mut echoed = [0; 2 * ECHOED_BYTES_MAX + 8];
    let mut length = 0;
    for argument in arguments.iter().skip(1) {
        if length >= ECHOED_BYTES_MAX {
            break;
        }
        let room = ECHOED_BYTES_MAX - length;
        for part in [b"'", c_string(argument, room), b"' "] {
            echoed[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
    }
    let name = c_string(arguments.get(0).unwrap_or_default(), ECHOED_BYTES_MAX);
    let echoed = &echoed[..length];
    reply.error_of_bytes(&[
        b"ERR unknown command '",
        name,
        b"', with args beginning with: ",
        echoed,
    ]);
}

pub(super) fn unknown_subcommand<M: Machine>(
    command: &Command<M>,
    arguments: Arguments<'_>,
    reply: &mut Reply<'_>,
) {
    let word = c_string(arguments.get(1).unwrap_or_default(), ECHOED_BYTES_MAX);
    let (name, end) = (command.name.as_bytes(), b" HELP.");
    reply.error_of_bytes(&[b"ERR unknown subcommand '", word, b"'. Try ", name, end]);
}

/// What C prints of bytes: at most so many, and nothing from a NUL on.
fn c_string(bytes: &[u8], limit: usize) -> &[u8] {
    let end = bytes.iter().take(limit).position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len().min(limit))]
}

pub(super) fn wrong_count<M: Machine>(command: &Command<M>, reply: &mut Reply<'_>) {
    let mut name = ArrayString::<32>::new();
    for character in command.name.chars() {
        // Names of commands are shorter than that.
        let _ = name.try_push(character.to_ascii_lowercase());
    }
    reply.error(format_args!("ERR wrong number of arguments for '{name}' command"));
}
