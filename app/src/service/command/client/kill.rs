//! `CLIENT KILL`: closes the connections that pass a filter.

use core::fmt::Write;
use core::net::SocketAddrV4;

use vmalloc::Access;

use super::kind::ClientKind;
use crate::resp;
use crate::service::call::Call;
use crate::service::client_list::ClientEntry;
use crate::service::command::auth;
use crate::service::failure::{Failure, Word};

/// Serves `CLIENT KILL ip:port` and `CLIENT KILL option value [option value …]`.
pub(in crate::service) fn kill<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if call.arguments.count() == 3 {
        let filter = KillFilter { address: Some(call.argument(2)), ..KillFilter::default() };
        if close(call, &filter) == 0 {
            return Err(Failure::Redis("No such client"));
        }
        call.reply.status("OK");
        return Ok(());
    }
    let filter = KillFilter::parse(call.arguments.iter().skip(2))?;
    let closed = close(call, &filter);
    call.reply.integer(closed);
    Ok(())
}

/// The conditions of a `CLIENT KILL`. A connection is closed if all conditions apply.
#[derive(Debug, Default)]
struct KillFilter<'a> {
    number: Option<u64>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    kind: Option<ClientKind>,
    /// Whether the connection that sent the request is kept.
    skips_me: bool,
}

impl<'a> KillFilter<'a> {
    fn parse(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Failure> {
        let syntax = Failure::Redis("syntax error");
        let mut filter = Self { skips_me: true, ..Self::default() };
        while let Some(word) = words.next() {
            let Some(value) = words.next() else { return Err(syntax) };
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let says = |name: &str| value.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("ID") => filter.number = Some(number(value)?),
                () if is("TYPE") => filter.kind = Some(ClientKind::parse(value)?),
                () if is("ADDR") => filter.address = Some(value),
                () if is("LADDR") => filter.local_address = Some(value),
                () if is("USER") && value == auth::USER => {}
                () if is("USER") => {
                    return Err(Failure::Quoted("No such user '", Word::new(value), "'"));
                }
                () if is("SKIPME") && says("YES") => filter.skips_me = true,
                () if is("SKIPME") && says("NO") => filter.skips_me = false,
                () => return Err(syntax),
            }
        }
        Ok(filter)
    }

    fn admits(&self, entry: &ClientEntry) -> bool {
        self.number.is_none_or(|number| number == entry.number)
            && self.address.is_none_or(|address| is_address(entry.peer, address))
            && self.local_address.is_none_or(|address| is_address(entry.local, address))
            && self.kind.is_none_or(|kind| kind == ClientKind::Normal)
    }
}

fn number(text: &[u8]) -> Result<u64, Failure> {
    let number = resp::signed(text).and_then(|number| u64::try_from(number).ok());
    number.filter(|number| *number > 0).ok_or(Failure::Redis("client-id should be greater than 0"))
}

fn is_address(address: SocketAddrV4, text: &[u8]) -> bool {
    let mut written = arrayvec::ArrayString::<32>::new();
    // An IPv4 address with a port always fits into the buffer.
    let _ = write!(written, "{address}");
    written.as_bytes() == text
}

/// Marks the connections that pass the filter to be closed. Returns their number.
fn close<M: Access>(call: &mut Call<'_, '_, M>, filter: &KillFilter<'_>) -> u64 {
    let mut closed = 0;
    for entry in call.parts.clients.entries_mut().filter(|entry| filter.admits(entry)) {
        if entry.number != call.session.owner.number {
            entry.is_killed = true;
        } else if filter.skips_me {
            continue;
        } else {
            // The connection that sent the request gets its reply before it is closed.
            call.session.close();
        }
        closed += 1;
    }
    closed
}
