//! Commands that read keys.

use vmalloc::{Access, PAGE_BYTES};

use crate::resp;
use crate::service::call::{Begun, Call, Never};
use crate::service::command::walk::{Visit, Walk, Walked};
use crate::service::failure::Failure;

/// Serves `GET key`.
pub(in crate::service) fn get<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Never>, Failure> {
    match call.parts.store.read_key(call.argument(1))? {
        Some(info) => call.reply_bytes(&info, 0..info.requested, ", use GETRANGE"),
        None => {
            call.reply.null();
            Ok(Begun::Answered)
        }
    }
}

/// Serves `GETRANGE key start end`: replies with the bytes from `start` to `end`, both included.
/// Negative positions count from the end of the value.
pub(in crate::service) fn getrange<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Never>, Failure> {
    let number = |index| {
        let text = call.argument(index);
        resp::signed(text).ok_or(Failure::Redis("value is not an integer or out of range"))
    };
    let (first, last) = (number(2)?, number(3)?);
    let Some(info) = call.parts.store.read_key(call.argument(1))? else {
        call.reply.bulk(b"");
        return Ok(Begun::Answered);
    };
    // A negative position that lies before the first byte stands for the first byte.
    let from_front = |at: i64| match u64::try_from(at) {
        Ok(at) => at,
        Err(_) => info.requested.saturating_sub(at.unsigned_abs()),
    };
    let start = from_front(first);
    let end = info.requested.min(from_front(last).saturating_add(1));
    if start >= end || first < 0 && last < first {
        call.reply.bulk(b"");
        return Ok(Begun::Answered);
    }
    call.reply_bytes(&info, start..end, ", use a smaller range")
}

/// Serves `STRLEN key`.
pub(in crate::service) fn strlen<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.parts.store.read_key(call.argument(1))?;
    call.reply.integer(info.map_or(0, |info| info.requested));
    Ok(())
}

/// Serves `EXISTS key [key …]`: replies with the number of keys that exist. A key that is repeated
/// in the request counts each time.
pub(in crate::service) fn exists<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<Walk>,
) -> Result<Begun<Walk>, Failure> {
    let visit = |counted| Ok(Visit { counted, pages: 0 });
    Ok(match call.walk(resumed, 1, 1, |store, _, _, key| visit(store.has_key(key)))? {
        Walked::Done(found) => {
            call.reply.integer(found);
            Begun::Answered
        }
        Walked::Again(walk) => Begun::Again(walk),
    })
}

/// Serves `TYPE key`.
pub(in crate::service) fn kind<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let is_there = call.parts.store.has_key(call.argument(1));
    call.reply.status(if is_there { "string" } else { "none" });
    Ok(())
}

/// Serves `MEMORY USAGE key [SAMPLES n]`: replies with the size in bytes of the key's pages, its
/// guard page and its page-table entries.
pub(in crate::service) fn memory_usage<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<(), Failure> {
    let mut words = call.arguments.iter().skip(3);
    while let Some(word) = words.next() {
        let count = words.next().filter(|_| word.eq_ignore_ascii_case(b"SAMPLES"));
        let count = resp::signed(count.ok_or(Failure::Redis("syntax error"))?)
            .ok_or(Failure::Redis("value is not an integer or out of range"))?;
        if count < 0 {
            return Err(Failure::Redis("syntax error"));
        }
    }
    match call.parts.store.key(call.argument(2))? {
        Some(info) => {
            let pages = info.with_guard().count().get();
            call.reply.integer(pages * (PAGE_BYTES + size_of::<u64>() as u64));
        }
        None => call.reply.null(),
    }
    Ok(())
}
