//! `MSET` and `MSETNX`: several keys, all or none.

use arrayvec::ArrayVec;
use runtime_config::limits::ARGUMENTS_AT_ONCE;
use vmalloc::{Machine, RegionId};

use super::set::{hold, request};
use crate::resp::Arguments;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::naming::Naming;

/// Bytes of all values together: they are copied in one turn.
const BYTES_MAX: usize = 1 << 20;

/// `MSET key value [key value …]`
pub(in crate::service) fn mset<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    check(call, "wrong number of arguments for 'mset' command")?;
    set_all(call)?;
    call.reply.status("OK");
    Ok(())
}

/// `MSETNX key value [key value …]`: 1, or 0 where one of the keys is there already.
pub(in crate::service) fn msetnx<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    check(call, "wrong number of arguments for 'msetnx' command")?;
    let names = &call.service.names;
    let is_any_there = pairs(call.arguments).any(|(key, _)| names.find(key).is_some());
    if !is_any_there {
        set_all(call)?;
    }
    call.reply.integer((!is_any_there).into());
    Ok(())
}

fn pairs<'a>(arguments: Arguments<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
    let keys = arguments.iter().skip(1).step_by(2);
    keys.zip(arguments.iter().skip(2).step_by(2))
}

fn check<M: Machine>(call: &Call<'_, '_, M>, wrong_count: &'static str) -> Result<(), Failure> {
    if call.arguments.count().is_multiple_of(2) {
        return Err(Failure::Redis(wrong_count));
    }
    let mut bytes = 0;
    for (key, value) in pairs(call.arguments) {
        super::name(key)?;
        bytes += value.len();
    }
    if bytes > BYTES_MAX {
        return Err(Failure::TooLong("a set of values", bytes, BYTES_MAX));
    }
    Ok(())
}

/// Sets all keys in one turn. Everything that can fail comes before the first key is changed.
fn set_all<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let (service, pairs) = (&mut *call.service, pairs(call.arguments));
    let pages = |value: &[u8]| request(value).map_or(0, |request| request.pages().get());
    service.admit_all(call.session, pairs.clone().map(|(key, value)| (key, pages(value))))?;
    let mut made = ArrayVec::<RegionId, ARGUMENTS_AT_ONCE>::new();
    for (_, value) in pairs.clone() {
        match request(value).and_then(|request| hold(service, &request, value)) {
            Ok(info) => made.push(info.id),
            Err(failure) => {
                for id in made {
                    // No other request knows it.
                    let _ = service.vm.vfree(id);
                }
                return Err(failure);
            }
        }
    }
    for (id, (key, value)) in made.into_iter().zip(pairs) {
        let info = service.vm.info(id)?;
        let naming = Naming::of(key);
        let demand = service.demand(call.session, &naming, info.range.count().get())?;
        service.hand_over_new(call.session, &info, &naming, &demand);
        service.ledger.set_empty(id, value.is_empty());
    }
    Ok(())
}
