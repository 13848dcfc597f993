//! Commands that remove keys: `DEL`, `UNLINK`, `GETDEL`, `FLUSHDB` and `FLUSHALL`.

use vmalloc::Access;

use super::old;
use crate::service::call::{Begun, Call};
use crate::service::command::walk::{NameWalk, Visit, Walk, Walked};
use crate::service::failure::Failure;

/// Serves `DEL key [key …]` and `UNLINK key [key …]`: replies with the number of removed keys. Both
/// commands free large regions later.
pub(in crate::service) fn del<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<Walk>,
) -> Result<Begun<Walk>, Failure> {
    let walked = call.walk(resumed, 1, 1, |store, _, _, key| {
        let found = store.names.find(key).and_then(|index| store.names.id(index));
        let pages = found.map_or(0, |id| store.give_up(id));
        Ok(Visit { counted: found.is_some(), pages })
    })?;
    Ok(match walked {
        Walked::Done(gone) => {
            call.reply.integer(gone);
            Begun::Answered
        }
        Walked::Again(walk) => Begun::Again(walk),
    })
}

/// Serves `GETDEL key`: replies with the value, or a null, and removes the key.
pub(in crate::service) fn getdel<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let key = call.argument(1);
    call.parts.store.has_key(key);
    if old::reply(call, key)?
        && let Some(info) = call.parts.store.key(key)?
    {
        call.parts.store.give_up(info.id);
    }
    Ok(())
}

/// Serves `FLUSHDB [ASYNC|SYNC]` and `FLUSHALL [ASYNC|SYNC]`: removes every name and frees its
/// region. Regions without a name belong to their connections and are kept. The option has no
/// effect: all names are removed before the reply, and large regions are always freed later.
pub(in crate::service) fn flush<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<NameWalk>,
) -> Result<Begun<NameWalk>, Failure> {
    let word = call.argument(1);
    let is_known = [&b"ASYNC"[..], b"SYNC"].iter().any(|known| word.eq_ignore_ascii_case(known));
    if call.arguments.count() > 2 || call.arguments.count() == 2 && !is_known {
        return Err(Failure::Redis("syntax error"));
    }
    let rest = call.walk_names(resumed, |store, name| {
        let found = store.names.taken(name).and_then(|_| store.names.id(name));
        found.map_or(0, |id| store.give_up(id))
    });
    Ok(match rest {
        Some(walk) => Begun::Again(walk),
        None => {
            call.reply.status("OK");
            Begun::Answered
        }
    })
}
