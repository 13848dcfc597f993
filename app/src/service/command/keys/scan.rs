//! `SCAN` lists keys in pages, and `KEYS` lists all keys in one reply.

use runtime_config::limits::NAME_BYTES_MAX;
use vmalloc::Access;

use crate::resp;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parse::glob::{self, Case};
use crate::service::parse::pattern::{STEPS_MAX, checked};
use crate::service::store::names::NameIndex;

/// Default number of names in a page of `SCAN`.
const COUNT_DEFAULT: u64 = 10;

/// The cost of finding and writing a name, as a number of byte comparisons.
const NAME_STEPS: u64 = 16;

/// Maximum number of slots of the name table that one request examines. That takes less than half a
/// turn.
const PLACES_MAX: u32 = 8192;

/// Number of slots that are examined between two reads of the clock.
const PLACES_UNTIMED: u32 = 128;

/// Maximum length of the next name of a page with its header, in bytes.
const NAME_ROOM: u64 = NAME_BYTES_MAX as u64 + 64;

/// Serves `SCAN cursor [MATCH pattern] [COUNT n] [TYPE string]`: replies with the next cursor and
/// names.
///
/// A page ends when it has the requested number of names, when the output is full, or when the turn
/// has used up its time. A name that exists during the whole scan is returned exactly once, because
/// a name keeps its slot.
pub(in crate::service) fn scan<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let start = cursor(call.argument(1)).ok_or(Failure::Redis("invalid cursor"))?;
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
    let store = &call.parts.store;
    let names = &store.names;
    // A cursor after the end of the table ends the scan. As in Redis, any number is accepted.
    let mut next = u32::try_from(start).unwrap_or(u32::MAX).max(1);
    let mark = call.reply.mark();
    let mut buffer = [0; NAME_BYTES_MAX];
    call.reply.array_by(|reply| {
        let (mut found, mut looked, mut steps) = (0, 0, 0);
        while next < names.end() {
            let is_late = looked % PLACES_UNTIMED == PLACES_UNTIMED - 1 && store.clock.is_late();
            let is_full = found > 0 && reply.room() < NAME_ROOM;
            let is_long = looked >= PLACES_MAX || steps > STEPS_MAX || is_late;
            if found as u64 >= count || is_long || is_full {
                return found;
            }
            let text = NameIndex::new(next).and_then(|index| names.taken(index));
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
            next += 1;
            looked += 1;
        }
        next = 0;
        found
    });
    call.reply.prepend(mark, |reply| {
        reply.array(2);
        reply.bulk_of(format_args!("{next}"));
    });
    Ok(())
}

/// Serves `KEYS pattern`: replies with all names that match.
///
/// The reply begins with the number of names, so all of them must be found in one turn. A search
/// that needs too many comparisons is refused. Their number depends only on the names and the
/// pattern, not on the speed of the machine.
pub(in crate::service) fn keys<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let pattern = checked(call.argument(1))?;
    let (names, bytes_max) = (&call.parts.store.names, call.reply_bytes_max);
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
    if steps > STEPS_MAX { Err(Failure::TooManySteps(STEPS_MAX, "SCAN")) } else { Ok(()) }
}

/// Parses a cursor like Redis, which uses the C function `strtoul`: empty text is 0, a sign is
/// accepted, a negative number wraps, and white space is refused.
fn cursor(text: &[u8]) -> Option<u64> {
    let (is_negative, digits) = match text {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    Some(if is_negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("", Some(0)),
            ("0", Some(0)),
            ("007", Some(7)),
            ("+5", Some(5)),
            ("-0", Some(0)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("-18446744073709551615", Some(1)),
            ("18446744073709551616", None),
            ("-18446744073709551616", None),
            ("99999999999999999999999", None),
            ("-", None),
            ("+", None),
            ("+-1", None),
            ("--1", None),
            (" 1", None),
            ("\t1", None),
            ("1 ", None),
            ("0x10", None),
            ("x", None),
        ] {
            assert_eq!(cursor(text.as_bytes()), expected, "{text:?}");
        }
    }
}
