//! `VINJECT`: makes a later reservation fail on purpose, so that clients can test their handling of
//! errors.

use vmalloc::{Access, Reservation};

use crate::service::call::Call;
use crate::service::failure::{Failure, Word};

/// Serves `VINJECT region|area|frame|table n`: the n-th reservation of that kind from now on fails.
/// With `n` = 0, a planned failure is cancelled.
pub(in crate::service) fn vinject<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let text = call.argument(1);
    let known = [
        ("region", Reservation::Region),
        ("frame", Reservation::Frame),
        ("table", Reservation::Table),
        ("area", Reservation::Area),
    ];
    let kind = known.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name.as_bytes()));
    let (_, kind) = kind.ok_or_else(|| {
        Failure::Invalid("a reservation is region, area, frame or table", Word::new(text))
    })?;
    let what = "a count is a number below 2^32";
    let number = u32::try_from(call.number(2, what)?)
        .map_err(|_| Failure::Invalid(what, Word::new(call.argument(2))))?;
    call.parts.store.vm.modes().inject(kind, number);
    call.reply.status("OK");
    Ok(())
}
