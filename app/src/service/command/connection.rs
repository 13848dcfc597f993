//! Commands about the connection that sends them.

use vmalloc::Access;

use super::walk::Walk;
use super::{auth, client};
use crate::resp;
use crate::service::call::{Begun, Call};
use crate::service::failure::{Failure, Word};
use crate::service::session::REDIS_VERSION;

/// Serves `PING [message]`.
pub(in crate::service) fn ping<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<Walk>,
) -> Result<Begun<Walk>, Failure> {
    match call.arguments.count() {
        1 => call.reply.status("PONG"),
        2 => return Ok(call.reply_argument(resumed, 1)),
        _ => return Err(Failure::Redis("wrong number of arguments for 'ping' command")),
    }
    Ok(Begun::Answered)
}

/// Serves `ECHO message`.
pub(in crate::service) fn echo<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<Walk>,
) -> Result<Begun<Walk>, Failure> {
    Ok(call.reply_argument(resumed, 1))
}

/// Serves `SELECT index`. The image has only database 0; any other index is an error.
pub(in crate::service) fn select<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
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

/// Serves `QUIT`.
pub(in crate::service) fn quit<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.status("OK");
    call.session.close();
    Ok(())
}

/// Closes a connection that sends `POST` or `HOST:`. These words come from a browser, which a
/// foreign web page may have directed to this port.
pub(in crate::service) fn refuse_http<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<(), Failure> {
    // The line is not a warning: clients could flood the console with warnings.
    log::debug!("connection {} speaks HTTP, closed", call.session.owner.number);
    call.session.close();
    Ok(())
}

/// Applies the options of `HELLO` in order. As in Redis, options before an invalid one keep their
/// effect.
fn hello_options<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let mut at = 2;
    while let Some(option) = call.arguments.get(at) {
        let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
        let (value, password) = (call.arguments.get(at + 1), call.arguments.get(at + 2));
        match (value, password) {
            (Some(user), Some(password)) if is("AUTH") => {
                auth::authenticate(&call.parts.config, call.session, user, password)?;
                at += 3;
            }
            (Some(name), _) if is("SETNAME") => {
                client::set_name(&mut call.parts.clients, call.session, name)?;
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

/// Serves `HELLO [2|3 [AUTH default password] [SETNAME name]]`.
pub(in crate::service) fn hello<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
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
    if !call.parts.is_admitted(call.session) {
        return Err(Failure::Plain(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
             AUTH <user> <pass> option can be used to authenticate the client and select the RESP \
             protocol version at the same time",
        ));
    }
    call.session.is_resp3 = is_resp3;
    if let Some(entry) = call.parts.clients.at(call.session.owner.place) {
        entry.is_resp3 = is_resp3;
    }
    let reply = &mut *call.reply;
    reply.set_resp3(is_resp3);
    reply.map(7);
    for (key, value) in [("server", "vmalloc"), ("version", REDIS_VERSION)] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (key, value) in [("proto", if is_resp3 { 3 } else { 2 }), ("id", call.session.owner.number)]
    {
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

/// Serves `RESET`: resets all settings of the connection. Its regions are kept.
pub(in crate::service) fn reset<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.parts.discard_transaction(call.session);
    call.session.is_resp3 = false;
    call.session.is_authenticated = false;
    call.session.reply_mode.reset();
    call.reply.set_resp3(false);
    if let Some(entry) = call.parts.clients.at(call.session.owner.place) {
        entry.name.clear();
        entry.is_resp3 = false;
    }
    call.reply.status("RESET");
    Ok(())
}
