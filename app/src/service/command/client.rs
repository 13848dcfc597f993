//! `CLIENT`: commands about this connection and about other connections.

mod kill;
mod kind;
mod list;

use runtime_config::limits::{CLIENT_LIBRARY_BYTES_MAX, CLIENT_NAME_BYTES_MAX};
use vmalloc::Access;

use crate::service::call::Call;
use crate::service::client_list::ClientList;
use crate::service::failure::{Failure, Word};
use crate::service::session::Session;

pub(in crate::service) use kill::kill;
pub(in crate::service) use list::{info, list};

/// Serves `CLIENT ID`.
pub(in crate::service) fn id<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.integer(call.session.owner.number);
    Ok(())
}

/// Serves `CLIENT GETNAME`.
pub(in crate::service) fn getname<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    match call.parts.clients.at(call.session.owner.place).map(|entry| &entry.name) {
        Some(name) if !name.is_empty() => call.reply.bulk(name),
        _ => call.reply.null(),
    }
    Ok(())
}

/// Serves `CLIENT SETNAME name`.
pub(in crate::service) fn setname<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let name = call.argument(2);
    set_name(&mut call.parts.clients, call.session, name)?;
    call.reply.status("OK");
    Ok(())
}

/// Sets the name of the connection in the client list. An empty name removes the old one.
pub(super) fn set_name(
    clients: &mut ClientList,
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
    if let Some(entry) = clients.at(session.owner.place) {
        entry.name = name;
    }
    Ok(())
}

/// Serves `CLIENT SETINFO LIB-NAME name|LIB-VER version`.
pub(in crate::service) fn setinfo<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
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
    if let Some(entry) = call.parts.clients.at(call.session.owner.place) {
        *(if is_name { &mut entry.library } else { &mut entry.library_version }) = value;
    }
    call.reply.status("OK");
    Ok(())
}

/// Serves `CLIENT NO-EVICT ON|OFF`: stores the flag for `CLIENT LIST`. The flag has no other
/// effect, because clients are never evicted.
pub(in crate::service) fn no_evict<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let word = call.argument(2);
    let is_on = word.eq_ignore_ascii_case(b"ON");
    if !(is_on || word.eq_ignore_ascii_case(b"OFF")) {
        return Err(Failure::Redis("syntax error"));
    }
    if let Some(entry) = call.parts.clients.at(call.session.owner.place) {
        entry.is_kept = is_on;
    }
    call.reply.status("OK");
    Ok(())
}

/// Serves `CLIENT REPLY ON|OFF|SKIP`.
pub(in crate::service) fn reply<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
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
