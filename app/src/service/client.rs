//! `CLIENT`: this connection, and the others.

mod kill;
mod list;

use core::net::SocketAddrV4;

use runtime_config::limits::{CLIENT_LIBRARY_BYTES_MAX, CLIENT_NAME_BYTES_MAX};
use vmalloc::Machine;

use super::Service;
use super::call::Call;
use super::client_list::ClientBuffers;
use super::failure::{Failure, Word};
use super::session::Session;

pub(super) use kill::kill;
pub(super) use list::{info, list};

/// The kinds of connections that Redis knows. All are normal here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    Other,
}

impl Kind {
    fn parse(text: &[u8]) -> Result<Self, Failure> {
        let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("NORMAL") => Ok(Self::Normal),
            () if ["MASTER", "SLAVE", "REPLICA", "PUBSUB"].into_iter().any(is) => Ok(Self::Other),
            () => Err(Failure::Quoted("Unknown client type '", Word::new(text), "'")),
        }
    }
}

/// `CLIENT ID`
pub(super) fn id<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.integer(call.session.number);
    Ok(())
}

/// `CLIENT GETNAME`
pub(super) fn getname<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    match call.service.client_list.at(call.session.place).map(|entry| &entry.name) {
        Some(name) if !name.is_empty() => call.reply.bulk(name),
        _ => call.reply.null(),
    }
    Ok(())
}

/// `CLIENT SETNAME name`
pub(super) fn setname<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    set_name(call.service, call.session, call.argument(2))?;
    call.reply.status("OK");
    Ok(())
}

/// Names the connection in the client list; an empty name takes the name away.
pub(super) fn set_name<M: Machine>(
    service: &mut Service<M>,
    session: &Session,
    name: &[u8],
) -> Result<(), Failure> {
    if !name.iter().all(u8::is_ascii_graphic) {
        let text = "Client names cannot contain spaces, newlines or special characters.";
        return Err(Failure::Redis(text));
    }
    let name = name
        .try_into()
        .map_err(|_| Failure::TooLong("client name", name.len(), CLIENT_NAME_BYTES_MAX))?;
    if let Some(entry) = service.client_list.at(session.place) {
        entry.name = name;
    }
    Ok(())
}

/// `CLIENT SETINFO LIB-NAME name|LIB-VER version`
pub(super) fn setinfo<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let (option, value) = (call.argument(2), call.argument(3));
    let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
    let is_name = is("LIB-NAME");
    if !(is_name || is("LIB-VER")) {
        return Err(Failure::Quoted("Unrecognized option '", Word::new(option), "'"));
    }
    if !value.iter().all(u8::is_ascii_graphic) {
        let text = " cannot contain spaces, newlines or special characters.";
        return Err(Failure::Quoted("", Word::new(option), text));
    }
    let value = value
        .try_into()
        .map_err(|_| Failure::TooLong("library text", value.len(), CLIENT_LIBRARY_BYTES_MAX))?;
    if let Some(entry) = call.service.client_list.at(call.session.place) {
        *(if is_name { &mut entry.library } else { &mut entry.library_version }) = value;
    }
    call.reply.status("OK");
    Ok(())
}

/// `CLIENT NO-EVICT ON|OFF`: nothing is ever evicted, so only the flag changes.
pub(super) fn no_evict<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let word = call.argument(2);
    let is_on = word.eq_ignore_ascii_case(b"ON");
    if !(is_on || word.eq_ignore_ascii_case(b"OFF")) {
        return Err(Failure::Redis("syntax error"));
    }
    if let Some(entry) = call.service.client_list.at(call.session.place) {
        entry.is_kept = is_on;
    }
    call.reply.status("OK");
    Ok(())
}

/// `CLIENT REPLY ON|OFF|SKIP`
pub(super) fn reply<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let word = call.argument(2);
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if is("ON") {
        call.session.reply_mode.turn_on();
        call.reply.status("OK");
    } else if is("OFF") {
        call.session.reply_mode.turn_off();
    } else if is("SKIP") {
        call.session.reply_mode.skip_next();
    } else {
        return Err(Failure::Redis("syntax error"));
    }
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Enters a connection into the client list, with its two ends: the client's and the server's.
    pub fn arrive(&mut self, session: &Session, ends: [SocketAddrV4; 2]) {
        self.client_list.come(session.place, session.number, ends, self.now_us);
    }

    /// Notes what is in the buffers of a connection, for the client list.
    pub fn note_buffers(&mut self, session: &Session, buffers: ClientBuffers) {
        if let Some(entry) = self.client_list.at(session.place) {
            entry.buffers = buffers;
            entry.queued = session.queued_in_transaction();
            entry.output_peak = entry.output_peak.max(buffers.output);
        }
    }

    /// Whether `CLIENT KILL` wants the connection closed.
    #[must_use]
    pub fn is_killed(&self, session: &Session) -> bool {
        self.client_list.is_killed(session.place)
    }
}
