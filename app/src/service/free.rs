//! `VFREE`.

use vmalloc::{Machine, RegionError};

use super::Service;
use super::away::Then;
use super::call::Call;
use super::errand::Errand;
use super::failure::Failure;
use super::ledger::State;
use super::session::Session;
use super::walk::Visit;

/// `VFREE [STRICT] <r> [<r> …]`: all of them are checked before the first is freed. A region that
/// is gone already counts as none, so that a retry is safe; with `STRICT` it is an error.
pub(super) fn vfree<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let strict = call.argument(1).eq_ignore_ascii_case(b"STRICT");
    let first = if strict { 2 } else { 1 };
    if call.arguments.count() == first {
        return Err(Failure::Malformed("STRICT needs a region"));
    }
    if call.arguments.count() == first + 1 {
        return free_one(call, call.argument(first), strict);
    }
    let freed = call.walk(first, 2, |service, session, pass, text| match pass {
        0 => check(service, session, text, strict),
        _ => free(service, text),
    })?;
    if let Some(freed) = freed {
        call.reply.integer(freed);
    }
    Ok(())
}

/// Frees one region, by an AP where it is large.
fn free_one<M: Machine>(
    call: &mut Call<'_, '_, M>,
    text: &[u8],
    strict: bool,
) -> Result<(), Failure> {
    check(call.service, call.session, text, strict)?;
    if let Ok(id) = call.service.id(text)
        && call.service.ledger.state(id) == Some(State::Ready)
        && let Ok(info) = call.service.vm.info(id)
        && call.service.is_freed_away(&info)
        && !call.service.ledger.has_readers(id)
    {
        if call.service.send(call.session, Errand::Free(id), Then::Answer(id)) {
            call.service.forget(id);
        }
        return Ok(());
    }
    let visit = free(call.service, text)?;
    call.reply.integer(u64::from(visit.counted));
    Ok(())
}

/// Refuses what must not be freed, before anything is.
fn check<M: Machine>(
    service: &Service<M>,
    session: &Session,
    text: &[u8],
    strict: bool,
) -> Result<Visit, Failure> {
    match service.region(session, text) {
        Err(failure) if strict || !is_gone(&failure) => Err(failure),
        _ => Ok(Visit::default()),
    }
}

/// Frees a region that was checked; one that was named twice is gone the second time.
fn free<M: Machine>(service: &mut Service<M>, text: &[u8]) -> Result<Visit, Failure> {
    let nothing = Ok(Visit::default());
    let Ok(id) = service.id(text) else { return nothing };
    if service.ledger.state(id) != Some(State::Ready) {
        return nothing;
    }
    if service.ledger.has_readers(id) {
        return Ok(Visit { counted: true, pages: service.give_up(id) });
    }
    match service.release(id) {
        Ok(info) => Ok(Visit { counted: true, pages: info.range.count().get() }),
        // Those before it are freed; asked again, they count as gone.
        Err(error @ RegionError::Changing { .. }) => Err(error.into()),
        Err(_) => nothing,
    }
}

/// Whether there is nothing left to free.
pub(super) fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::NoRegion(_) | Failure::NotUsable(_) | Failure::NoName(_))
}
