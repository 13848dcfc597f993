//! `VSTATS`: shows all counters.

use vmalloc::{Access, Row};

use crate::service::call::Call;
use crate::service::failure::{Failure, Word};

/// Serves `VSTATS [section]`: replies with a map of names and values.
pub(in crate::service) fn vstats<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let section = call.arguments.get(1);
    let wanted = |row: &Row| {
        section.is_none_or(|section| section.eq_ignore_ascii_case(row.section.as_bytes()))
    };
    let mark = call.reply.mark();
    let mut pairs = 0;
    call.parts.for_each_row(&mut |row| {
        if wanted(&row) {
            call.reply.bulk(row.name.as_bytes());
            call.reply.integer(row.value);
            pairs += 1;
        }
    });
    if pairs == 0 {
        return Err(Failure::Invalid("a section of VSTATS", Word::new(call.argument(1))));
    }
    call.reply.prepend(mark, |reply| reply.map(pairs));
    Ok(())
}
