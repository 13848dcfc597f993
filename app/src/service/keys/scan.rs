//! `SCAN`: all keys, a page at a time; `KEYS`: all at once.

use runtime_config::limits::NAME_BYTES_MAX;
use vmalloc::Machine;

use crate::resp;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::glob::{self, Case};
use crate::service::names::NameIndex;

/// Names looked at by a request that does not say how many, and the most that one looks at.
const COUNT_DEFAULT: u64 = 10;
const COUNT_MAX: u64 = 1000;

/// Bytes of a pattern: twice those of a name, so that each can be escaped.
const PATTERN_BYTES_MAX: usize = 2 * NAME_BYTES_MAX;

/// Comparisons of bytes in one turn. A page of `SCAN` ends there, and `KEYS` is refused.
const STEPS_MAX: u64 = 1 << 20;
/// What it takes to look a name up and to reply with it, in such comparisons.
const NAME_STEPS: u64 = 16;

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
            pattern = Some(checked(value)?);
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
        let mut steps = 0;
        for _ in 0..count.min(COUNT_MAX) {
            let text = NameIndex::new(next).and_then(|index| names.taken(index));
            next = next.saturating_add(1);
            let text = text.map(|text| text.bytes(&mut buffer));
            let fits = |text: &&[u8]| {
                pattern.is_none_or(|pattern| {
                    glob::matches_counted(pattern, text, Case::Counts, &mut steps)
                })
            };
            if let Some(text) = text.filter(fits).filter(|_| is_string) {
                reply.bulk(text);
                found += 1;
            }
            if next >= names.end() {
                next = 0;
                break;
            }
            if steps > STEPS_MAX {
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

/// `KEYS pattern`: all names that match.
///
/// The reply begins with their number, so all must be found in one turn. A request that takes longer is
/// refused: that depends on the names and the pattern only, not on the speed of the machine.
pub(in crate::service) fn keys<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let pattern = checked(call.argument(1))?;
    let (names, bytes_max) = (&call.service.names, call.reply_bytes_max);
    let mut steps = 0;
    call.reply.array_by(|reply| {
        let mut found = 0;
        let mut buffer = [0; NAME_BYTES_MAX];
        for number in 1..names.end() {
            if steps > STEPS_MAX || reply.length() > bytes_max {
                break;
            }
            steps += NAME_STEPS;
            let Some(text) = NameIndex::new(number).and_then(|index| names.taken(index)) else {
                continue;
            };
            let text = text.bytes(&mut buffer);
            if glob::matches_counted(pattern, text, Case::Counts, &mut steps) {
                reply.bulk(text);
                found += 1;
            }
        }
        found
    });
    if steps > STEPS_MAX { Err(Failure::TooManySteps(STEPS_MAX)) } else { Ok(()) }
}

/// A pattern that is not too long.
fn checked(pattern: &[u8]) -> Result<&[u8], Failure> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(Failure::TooLong("a pattern", pattern.len(), PATTERN_BYTES_MAX));
    }
    Ok(pattern)
}
