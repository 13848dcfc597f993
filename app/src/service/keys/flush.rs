//! `FLUSHDB` and `FLUSHALL`: all keys go.

use vmalloc::Machine;

use crate::service::call::Call;
use crate::service::failure::Failure;

/// `FLUSHDB [ASYNC|SYNC]`, `FLUSHALL [ASYNC|SYNC]`: frees every region that has a name. Regions without a
/// name belong to their connections and stay. The words choose nothing: a name is gone when the reply is
/// sent, and large regions are always freed later.
pub(in crate::service) fn flush<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let word = call.argument(1);
    let is_known = [&b"ASYNC"[..], b"SYNC"].iter().any(|known| word.eq_ignore_ascii_case(known));
    if call.arguments.count() > 2 || call.arguments.count() == 2 && !is_known {
        return Err(Failure::Redis("syntax error"));
    }
    let is_done = call.walk_names(|service, name| {
        let found = service.names.taken(name).and_then(|_| service.names.id(name));
        found.map_or(0, |id| service.give_up(id))
    });
    if is_done {
        call.reply.status("OK");
    }
    Ok(())
}
