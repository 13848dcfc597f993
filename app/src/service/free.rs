//! `VFREE`.

use vmalloc::{Machine, RegionError};

use super::away::Then;
use super::call::Call;
use super::errand::Errand;
use super::failure::Failure;
use super::ledger::State;

/// `VFREE [STRICT] <r> [<r> …]`: all of them are checked before the first is freed. A region that
/// is gone already counts as none, so that a retry is safe; with `STRICT` it is an error.
pub(super) fn vfree<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let strict = call.argument(1).eq_ignore_ascii_case(b"STRICT");
    let first = if strict { 2 } else { 1 };
    if call.arguments.count() == first {
        return Err(Failure::Malformed("STRICT needs a region"));
    }
    for text in call.arguments.iter().skip(first) {
        match call.service.region(call.session, text) {
            Err(failure) if strict || !is_gone(&failure) => return Err(failure),
            _ => {}
        }
    }
    if call.arguments.count() == first + 1
        && let Ok(id) = call.service.id(call.argument(first))
        && call.service.ledger.state(id) == Some(State::Ready)
        && let Ok(info) = call.service.vm.info(id)
        && call.service.is_freed_away(&info)
    {
        if call.service.send(call.session, Errand::Free(id), Then::Answer(id)) {
            call.service.forget(id);
        }
        return Ok(());
    }
    let mut freed = 0;
    for text in call.arguments.iter().skip(first) {
        // A region that was named twice is gone the second time.
        let Ok(id) = call.service.id(text) else { continue };
        if call.service.ledger.state(id) != Some(State::Ready) {
            continue;
        }
        match call.service.release(id) {
            Ok(_) => freed += 1,
            // Those before it are freed; asked again, they count as gone.
            Err(error @ RegionError::Changing { .. }) => return Err(error.into()),
            Err(_) => {}
        }
    }
    call.reply.integer(freed);
    Ok(())
}

/// Whether there is nothing left to free.
pub(super) fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::NoRegion(_) | Failure::NotUsable(_) | Failure::NoName(_))
}
