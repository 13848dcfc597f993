//! `MSET` and `MSETNX`: set several keys atomically.
//!
//! A request with few and short values is served here within one turn. `large_set` serves any other
//! request in slices.

use arrayvec::ArrayVec;
use runtime_config::limits::ARGUMENTS_AT_ONCE;
use vmalloc::{Access, RegionId};

use super::large_set::{self, LargeSet, SetBegun};
use super::set::{hold, request};
use crate::resp::Arguments;
use crate::service::call::{Begun, Call};
use crate::service::failure::Failure;
use crate::service::parse::key::key as checked_key;
use crate::service::store::{self, Publication};

/// Maximum length of the values that are copied in one turn, in bytes.
const BYTES_MAX: usize = 1 << 20;

/// Maximum number of pages of old values that are freed in one turn.
const FREED_PAGES_MAX: u64 = 1024;

/// Serves `MSET key value [key value …]`.
pub(in crate::service) fn mset<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<LargeSet>,
) -> Result<Begun<LargeSet>, Failure> {
    match set_all(call, resumed, false, "wrong number of arguments for 'mset' command")? {
        SetBegun::Done(_) => call.reply.status("OK"),
        SetBegun::Later(begun) => return Ok(begun),
    }
    Ok(Begun::Answered)
}

/// Serves `MSETNX key value [key value …]`: replies with 1, or with 0 if one of the keys exists.
pub(in crate::service) fn msetnx<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<LargeSet>,
) -> Result<Begun<LargeSet>, Failure> {
    match set_all(call, resumed, true, "wrong number of arguments for 'msetnx' command")? {
        SetBegun::Done(is_set) => call.reply.integer(is_set.into()),
        SetBegun::Later(begun) => return Ok(begun),
    }
    Ok(Begun::Answered)
}

/// Sets all keys. With `only_new`, sets no key if at least one of the keys exists.
fn set_all<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<LargeSet>,
    only_new: bool,
    wrong_count: &'static str,
) -> Result<SetBegun, Failure> {
    if call.arguments.count().is_multiple_of(2) {
        return Err(Failure::Redis(wrong_count));
    }
    if resumed.is_some() || !is_small(call) {
        return large_set::set_all(call, resumed, only_new);
    }
    for (key, _) in pairs(call.arguments) {
        checked_key(key)?;
    }
    let names = &call.parts.store.names;
    if only_new && pairs(call.arguments).any(|(key, _)| names.find(key).is_some()) {
        return Ok(SetBegun::Done(false));
    }
    set_at_once(call)?;
    Ok(SetBegun::Done(true))
}

/// Returns whether a request can be served within one turn.
fn is_small<M: Access>(call: &Call<'_, '_, M>) -> bool {
    if call.arguments.count() > ARGUMENTS_AT_ONCE {
        return false;
    }
    let (mut bytes, mut freed) = (0, 0);
    for (key, value) in pairs(call.arguments) {
        let old =
            call.parts.store.names.find(key).and_then(|index| call.parts.store.names.id(index));
        bytes += value.len();
        freed += old.map_or(0, |id| call.parts.store.ledger.pages(id));
    }
    bytes <= BYTES_MAX && freed <= FREED_PAGES_MAX
}

fn pairs<'a>(arguments: Arguments<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
    let keys = arguments.iter().skip(1).step_by(2);
    keys.zip(arguments.iter().skip(2).step_by(2))
}

/// Sets all keys in one turn. Every step that can fail is done before the first key changes.
fn set_at_once<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let (store, owner, pairs) = (&mut call.parts.store, call.session.owner, pairs(call.arguments));
    let pages = |value: &[u8]| request(value).map_or(0, |request| request.pages().get());
    store::admit_all(store, owner, pairs.clone().map(|(key, value)| (key, pages(value))))?;
    let mut made = ArrayVec::<RegionId, ARGUMENTS_AT_ONCE>::new();
    for (_, value) in pairs.clone() {
        match request(value).and_then(|request| hold(store, &request, value)) {
            Ok(info) => made.push(info.id),
            Err(failure) => {
                for id in made {
                    // No other request knows this region, so its free cannot be prevented.
                    let _ = store.vm.vfree(id);
                }
                return Err(failure);
            }
        }
    }
    for (id, (key, value)) in made.into_iter().zip(pairs) {
        let info = store.vm.info(id)?;
        let publication = Publication::of(key);
        let demand = store.demand(owner, &publication, info.range.count().get())?;
        store.publish_new(owner, &info, &publication, demand.taken());
        store.ledger.set_empty(id, value.is_empty());
    }
    Ok(())
}
