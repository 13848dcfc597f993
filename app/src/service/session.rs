//! What belongs to one connection, and the commands that are about it alone.

use arrayvec::ArrayVec;
use vmalloc::Machine;

use super::call::Call;
use super::failure::{Failure, Word};
use super::job::Job;
use super::ledger::List;
use super::stream::Stream;
use super::table;
use crate::resp;

/// Longest name that `CLIENT SETNAME` takes. Redis has no limit but its bulk strings.
const CLIENT_NAME_BYTES_MAX: usize = 64;

/// The version that clients are told: that of the Redis whose wording is followed.
pub(super) const REDIS_VERSION: &str = "7.0.15";

/// One connection's state in the service.
#[derive(Debug)]
pub struct Session {
    /// Its number: never given twice, and the owner tag of its regions.
    pub(super) number: u64,
    /// Its regions without a name.
    pub(super) regions: List,
    /// Work of its last request that is not done yet.
    pub(super) job: Option<Job>,
    /// A write whose bytes are still coming.
    pub(super) stream: Option<Stream>,
    name: ArrayVec<u8, CLIENT_NAME_BYTES_MAX>,
    is_closing: bool,
}

impl Session {
    /// Begins a session. 0 is nobody's number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self {
            number,
            regions: List::default(),
            job: None,
            stream: None,
            name: ArrayVec::new(),
            is_closing: false,
        }
    }

    /// Whether a request is still being worked at: nothing that follows may be served yet.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// Whether its request was not begun, and is to be served again.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.job, Some(Job::Wait))
    }

    /// Whether it waits for another CPU: there is nothing to do here before that says so.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self.job, Some(Job::Away(..) | Job::Wait))
    }

    /// Whether the connection is to be closed after what was replied.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing
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
        2 => call.reply.bulk(call.argument(1)),
        _ => return Err(Failure::Redis("wrong number of arguments for 'ping' command")),
    }
    Ok(())
}

/// `ECHO message`
pub(super) fn echo<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.bulk(call.argument(1));
    Ok(())
}

/// `SELECT index`: there is one database.
pub(super) fn select<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    match resp::signed(call.argument(1)) {
        Some(0) => call.reply.status("OK"),
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

/// `HELLO [version [SETNAME name]]`
pub(super) fn hello<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if call.arguments.count() > 1 {
        match resp::signed(call.argument(1)) {
            Some(2) => {}
            Some(_) => return Err(Failure::Protocol),
            None => {
                return Err(Failure::Redis("Protocol version is not an integer or out of range"));
            }
        }
    }
    let mut options = call.arguments.iter().skip(2);
    while let Some(option) = options.next() {
        match options.next() {
            Some(name) if option.eq_ignore_ascii_case(b"SETNAME") => {
                set_name(call.session, name)?;
            }
            _ => return Err(Failure::Redis("Syntax error in HELLO option")),
        }
    }
    let reply = &mut *call.reply;
    reply.array(14);
    for (key, value) in [("server", "vmalloc"), ("version", REDIS_VERSION)] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (key, value) in [("proto", 2), ("id", call.session.number)] {
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

/// `CLIENT ID|GETNAME|SETNAME name|SETINFO attribute value`
pub(super) fn client<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let subcommand = call.argument(1);
    let is = |name: &str, count: usize| {
        subcommand.eq_ignore_ascii_case(name.as_bytes()) && call.arguments.count() == count
    };
    if is("ID", 2) {
        call.reply.integer(call.session.number);
    } else if is("GETNAME", 2) {
        match call.session.name.as_slice() {
            [] => call.reply.null(),
            name => call.reply.bulk(name),
        }
    } else if is("SETNAME", 3) {
        set_name(call.session, call.argument(2))?;
        call.reply.status("OK");
    } else if is("SETINFO", 4) {
        call.reply.status("OK");
    } else {
        return Err(Failure::Subcommand("CLIENT", Word::new(subcommand)));
    }
    Ok(())
}

fn set_name(session: &mut Session, name: &[u8]) -> Result<(), Failure> {
    if !name.iter().all(u8::is_ascii_graphic) {
        let text = "Client names cannot contain spaces, newlines or special characters.";
        return Err(Failure::Redis(text));
    }
    session.name = name
        .try_into()
        .map_err(|_| Failure::Redis("Client names cannot have more than 64 bytes."))?;
    Ok(())
}

/// `COMMAND [COUNT|LIST|DOCS|INFO]`
pub(super) fn command<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let table = table::Commands::<M>::TABLE;
    let subcommand = call.arguments.get(1).unwrap_or_default();
    if subcommand.eq_ignore_ascii_case(b"COUNT") {
        call.reply.integer(table.len() as u64);
    } else if subcommand.eq_ignore_ascii_case(b"LIST") {
        call.reply.array(table.len());
        for command in table {
            call.reply.bulk(command.name.as_bytes());
        }
    } else {
        call.reply.array(0);
    }
    Ok(())
}
