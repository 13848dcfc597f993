//! `SCAN`: all keys, a page at a time.

use runtime_config::limits::NAME_BYTES_MAX;
use vmalloc::Machine;

use crate::resp;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::glob;
use crate::service::names::NameIndex;

/// Names looked at by a request that does not say how many, and the most that one looks at.
const COUNT_DEFAULT: u64 = 10;
const COUNT_MAX: u64 = 1000;

/// `SCAN cursor [MATCH pattern] [COUNT n] [TYPE string]`: the next cursor and names. A name that is
/// there all the time is found once.
pub(in crate::service) fn scan<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let start = resp::decimal(call.argument(1)).and_then(|cursor| u32::try_from(cursor).ok());
    let start = start.ok_or(Failure::Redis("invalid cursor"))?;
    let (mut pattern, mut count, mut is_string) = (None, COUNT_DEFAULT, true);
    let mut words = call.arguments.iter().skip(2);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(Failure::Redis("syntax error"))?;
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("MATCH") {
            pattern = Some(value);
        } else if is("COUNT") {
            let number = resp::signed(value);
            let number = number.ok_or(Failure::Redis("value is not an integer or out of range"))?;
            let number = u64::try_from(number).ok().filter(|number| *number > 0);
            count = number.ok_or(Failure::Redis("syntax error"))?;
        } else if is("TYPE") {
            is_string = value.eq_ignore_ascii_case(b"string");
        } else {
            return Err(Failure::Redis("syntax error"));
        }
    }
    let names = &call.service.names;
    let mark = call.reply.mark();
    let mut next = start.max(1);
    call.reply.array_by(|reply| {
        let mut found = 0;
        let mut buffer = [0; NAME_BYTES_MAX];
        for _ in 0..count.min(COUNT_MAX) {
            let text = NameIndex::new(next).and_then(|index| names.taken(index));
            next = next.saturating_add(1);
            let text = text.map(|text| text.bytes(&mut buffer));
            let fits = |text: &&[u8]| pattern.is_none_or(|p| glob::matches(p, text));
            if let Some(text) = text.filter(fits).filter(|_| is_string) {
                reply.bulk(text);
                found += 1;
            }
            if next >= names.end() {
                next = 0;
                break;
            }
        }
        found
    });
    call.reply.prepend(mark, |reply| {
        reply.array(2);
        reply.bulk_of(format_args!("{next}"));
    });
    Ok(())
}
