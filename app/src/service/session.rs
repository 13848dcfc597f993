//! What belongs to one connection, and the commands that are about it alone.

use vmalloc::Machine;

use super::call::Call;
use super::client;
use super::failure::{Failure, Word};
use super::job::Job;
use super::keys::{LargeSet, LargeWrite};
use super::reply_mode::ReplyMode;
use super::reservation::Reservation;
use super::stream::Stream;
use super::streamed::Streamed;
use super::transaction::Transaction;
use super::walk::Walk;
use crate::resp;

/// The version that clients are told: that of the Redis whose wording is followed.
pub(super) const REDIS_VERSION: &str = "7.0.15";

/// One connection's state in the service.
#[derive(Debug)]
pub struct Session {
    /// Its number: never given twice, and the owner tag of its regions.
    pub(super) number: u64,
    /// Where the notes on it are.
    pub(super) place: u32,
    /// Work of its last request that is not done yet.
    pub(super) job: Option<Job>,
    /// The amounts that its request in flight has taken of the limits.
    pub(super) reservation: Option<Reservation>,
    /// Why the request that is served again cannot be served at all.
    pub(super) failure: Option<Failure>,
    /// The place of that request's command in the table.
    pub(super) working_at: Option<usize>,
    /// How far its transaction is.
    pub(super) transaction: Transaction,
    /// Requests that are queued.
    pub(super) queued: usize,
    /// How far a request with many arguments has come.
    pub(super) walk: Option<Walk>,
    /// The number of the name at which a request about all names goes on.
    pub(super) next_name: Option<u32>,
    /// How far a large write into a key has come.
    pub(super) write: Option<LargeWrite>,
    /// How far a large set of keys has come.
    pub(super) large_set: Option<LargeSet>,
    /// A write whose bytes are still coming.
    pub(super) stream: Option<Stream>,
    /// A reply whose bytes are still to be copied.
    pub(super) streamed: Option<Streamed>,
    /// Whether it speaks the third version of the protocol.
    pub(super) is_resp3: bool,
    /// Whether it has said the password.
    pub(super) is_authenticated: bool,
    /// Which replies it wants.
    pub(super) reply_mode: ReplyMode,
    is_closing: bool,
}

impl Session {
    /// A session that has not begun, in one of the places for connections.
    #[must_use]
    pub fn new(place: u32) -> Self {
        Self {
            number: 0,
            place,
            job: None,
            reservation: None,
            failure: None,
            working_at: None,
            transaction: Transaction::None,
            queued: 0,
            walk: None,
            next_name: None,
            write: None,
            large_set: None,
            stream: None,
            streamed: None,
            is_resp3: false,
            is_authenticated: false,
            reply_mode: ReplyMode::default(),
            is_closing: false,
        }
    }

    /// Its number, as `CLIENT LIST` shows it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Begins, after the last one in this place has ended. 0 is nobody's number.
    pub fn begin(&mut self, number: u64) {
        debug_assert!(self.reservation.is_none(), "the last session gave back what it reserved");
        *self = Self { number, ..Self::new(self.place) };
    }

    /// Whether a request is still being worked at: nothing that follows may be served yet.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// Whether it has a request that was begun and is not answered. One that is to be served again from
    /// its beginning is not in flight.
    pub(super) fn is_in_flight(&self) -> bool {
        !matches!(self.job, None | Some(Job::Wait)) || self.stream.is_some()
    }

    /// Whether its request was not begun, and is to be served again.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.job.as_ref().is_some_and(Job::comes_first)
    }

    /// Whether it waits for another CPU, or for another connection: there is nothing to do here before that says so.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match &self.job {
            Some(Job::Away(..) | Job::Wait) => true,
            Some(Job::Sweep(sweep)) => sweep.is_held,
            _ => false,
        }
    }

    /// Whether a region of its is being resized in slices: where it ends, that is undone.
    #[must_use]
    pub fn is_growing(&self) -> bool {
        matches!(self.job, Some(Job::Grow(_)))
    }

    /// Whether it has set some keys of a request that sets all or none.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        self.large_set.as_ref().is_some_and(LargeSet::is_publishing)
    }

    /// Whether the connection is to be closed after what was replied. A transaction that runs is completed
    /// first.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing && !self.is_executing()
    }

    /// Begins with the next request of a transaction. Its reply is dropped where a request before it has
    /// asked for the end of the connection, as in Redis.
    pub fn begin_queued(&mut self) {
        if self.is_closing {
            self.reply_mode.turn_off();
        }
    }

    /// Whether replies are written in the third version of the protocol.
    #[must_use]
    pub fn is_resp3(&self) -> bool {
        self.is_resp3
    }

    /// Whether the reply of the request under way is not wanted.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        self.reply_mode.is_suppressed()
    }

    /// Says that a request is over: its bytes are consumed, and nothing of its reply is missing.
    pub fn end_request(&mut self) {
        self.reply_mode.end_request();
    }

    /// Asks for the connection to be closed.
    pub fn close(&mut self) {
        self.is_closing = true;
    }
}

/// `PING [message]`
pub(super) fn ping<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    match call.arguments.count() {
        1 => call.reply.status("PONG"),
        2 => call.reply_argument(1),
        _ => return Err(Failure::Redis("wrong number of arguments for 'ping' command")),
    }
    Ok(())
}

/// `ECHO message`
pub(super) fn echo<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply_argument(1);
    Ok(())
}

/// `SELECT index`: there is one database.
pub(super) fn select<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    match resp::signed(call.argument(1)) {
        Some(0) => call.reply.status("OK"),
        Some(index) if i32::try_from(index).is_err() => {
            return Err(Failure::Redis(
                "value is out of range, value must between -2147483648 and 2147483647",
            ));
        }
        Some(_) => return Err(Failure::Redis("DB index is out of range")),
        None => return Err(Failure::Redis("value is not an integer or out of range")),
    }
    Ok(())
}

/// `QUIT`
pub(super) fn quit<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.status("OK");
    call.session.close();
    Ok(())
}

/// `POST` and `HOST:` are no commands: a browser was sent here by somebody else's page.
pub(super) fn refuse_http<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    // Not a warning: whoever can connect could fill the console with it.
    log::debug!("connection {} speaks HTTP, closed", call.session.number);
    call.session.close();
    Ok(())
}

/// Obeys the options of `HELLO` one after the other, as Redis does: an error leaves those before it
/// as they are.
fn hello_options<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let mut at = 2;
    while let Some(option) = call.arguments.get(at) {
        let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
        let (value, password) = (call.arguments.get(at + 1), call.arguments.get(at + 2));
        match (value, password) {
            (Some(user), Some(password)) if is("AUTH") => {
                call.service.authenticate(call.session, user, password)?;
                at += 3;
            }
            (Some(name), _) if is("SETNAME") => {
                client::set_name(call.service, call.session, name)?;
                at += 2;
            }
            _ => {
                let option = Word::new(option);
                return Err(Failure::Quoted("Syntax error in HELLO option '", option, "'"));
            }
        }
    }
    Ok(())
}

/// `HELLO [2|3 [AUTH default password] [SETNAME name]]`
pub(super) fn hello<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let mut is_resp3 = call.session.is_resp3;
    if call.arguments.count() > 1 {
        is_resp3 = match resp::signed(call.argument(1)) {
            Some(2) => false,
            Some(3) => true,
            Some(_) => return Err(Failure::Protocol),
            None => {
                return Err(Failure::Redis("Protocol version is not an integer or out of range"));
            }
        }
    }
    hello_options(call)?;
    if !call.service.is_admitted(call.session) {
        return Err(Failure::Plain(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
             AUTH <user> <pass> option can be used to authenticate the client and select the RESP \
             protocol version at the same time",
        ));
    }
    call.session.is_resp3 = is_resp3;
    if let Some(entry) = call.service.client_list.at(call.session.place) {
        entry.is_resp3 = is_resp3;
    }
    let reply = &mut *call.reply;
    reply.set_resp3(is_resp3);
    reply.map(7);
    for (key, value) in [("server", "vmalloc"), ("version", REDIS_VERSION)] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (key, value) in [("proto", if is_resp3 { 3 } else { 2 }), ("id", call.session.number)] {
        reply.bulk(key.as_bytes());
        reply.integer(value);
    }
    for (key, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
    Ok(())
}

/// `RESET`: as a new connection; its regions stay.
pub(super) fn reset<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.service.discard_transaction(call.session);
    call.session.is_resp3 = false;
    call.session.is_authenticated = false;
    call.session.reply_mode.reset();
    call.reply.set_resp3(false);
    if let Some(entry) = call.service.client_list.at(call.session.place) {
        entry.name.clear();
        entry.is_resp3 = false;
    }
    call.reply.status("RESET");
    Ok(())
}
