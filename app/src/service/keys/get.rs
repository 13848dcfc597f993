//! Keys that are read.

use vmalloc::{Machine, PAGE_BYTES};

use crate::resp;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::walk::Visit;

/// `GET key`
pub(in crate::service) fn get<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    match call.service.read_key(call.argument(1))? {
        Some(info) => call.reply_bytes(&info, 0..info.requested, ", use GETRANGE"),
        None => {
            call.reply.null();
            Ok(())
        }
    }
}

/// `GETRANGE key start end`: both are counted in; negative ones from the end.
pub(in crate::service) fn getrange<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let number = |index| {
        let text = call.argument(index);
        resp::signed(text).ok_or(Failure::Redis("value is not an integer or out of range"))
    };
    let (first, last) = (number(2)?, number(3)?);
    let Some(info) = call.service.read_key(call.argument(1))? else {
        call.reply.bulk(b"");
        return Ok(());
    };
    // A negative number that lies before the start is the first byte.
    let from_front = |at: i64| match u64::try_from(at) {
        Ok(at) => at,
        Err(_) => info.requested.saturating_sub(at.unsigned_abs()),
    };
    let start = from_front(first);
    let end = info.requested.min(from_front(last).saturating_add(1));
    if start >= end || first < 0 && last < first {
        call.reply.bulk(b"");
        return Ok(());
    }
    call.reply_bytes(&info, start..end, ", use a smaller range")
}

/// `STRLEN key`
pub(in crate::service) fn strlen<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.read_key(call.argument(1))?;
    call.reply.integer(info.map_or(0, |info| info.requested));
    Ok(())
}

/// `EXISTS key [key …]`: how many are there, as often as they are named.
pub(in crate::service) fn exists<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let found = call
        .walk(1, 1, |service, _, _, key| Ok(Visit { counted: service.has_key(key), pages: 0 }))?;
    if let Some(found) = found {
        call.reply.integer(found);
    }
    Ok(())
}

/// `TYPE key`
pub(in crate::service) fn kind<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let is_there = call.service.has_key(call.argument(1));
    call.reply.status(if is_there { "string" } else { "none" });
    Ok(())
}

/// `MEMORY USAGE key [SAMPLES n]`: its pages, its guard page, and what its entries take of tables.
pub(in crate::service) fn memory_usage<M: Machine>(
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
    match call.service.key(call.argument(2))? {
        Some(info) => {
            let pages = info.with_guard().count().get();
            call.reply.integer(pages * (PAGE_BYTES + size_of::<u64>() as u64));
        }
        None => call.reply.null(),
    }
    Ok(())
}
