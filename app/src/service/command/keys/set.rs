//! `SET`: allocates a region for a value, and publishes it under its key.

use vmalloc::{Access, RegionInfo, Request};

use super::old;
use super::set_options::SetOptions;
use crate::resp::Reply;
use crate::service::call::Call;
use crate::service::failure::{Failure, Word};
use crate::service::parse::key::key;
use crate::service::parts::Parts;
use crate::service::session::Session;
use crate::service::store::{CLIENT, KeptName, Publication, Store};

/// Serves `SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]`: publishes a new region
/// and frees the old one.
pub(in crate::service) fn set<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let name = key(call.argument(1))?;
    let options = SetOptions::parse(&call.parts.store.clock, call.arguments.iter().skip(3))?;
    if options.wants_old {
        call.parts.store.has_key(name);
        if !old::reply(call, name)? {
            return Ok(());
        }
    }
    let is_made = match make(call, &options.apply(Publication::of(name)), call.argument(2)) {
        Ok(()) => true,
        Err(Failure::Exists(_)) if options.only_new => false,
        Err(Failure::NoName(_)) if options.only_old => false,
        Err(failure) => return Err(failure),
    };
    match is_made {
        _ if options.wants_old => {}
        true => call.reply.status("OK"),
        false => call.reply.null(),
    }
    Ok(())
}

/// Allocates a region that holds a value, and publishes it.
pub(super) fn make<M: Access>(
    call: &mut Call<'_, '_, M>,
    publication: &Publication<&[u8]>,
    value: &[u8],
) -> Result<(), Failure> {
    let (store, owner) = (&mut call.parts.store, call.session.owner);
    let request = request(value)?;
    let demand = store.admit_region(owner, publication, request.pages().get())?;
    let info = hold(store, &request, value)?;
    store.publish_new(owner, &info, publication, demand.taken());
    store.ledger.set_empty(info.id, value.is_empty());
    Ok(())
}

/// Builds the request for a region that holds `value`. The region of an empty value has one byte,
/// which is zero.
pub(super) fn request(value: &[u8]) -> Result<Request, Failure> {
    // The library does not zero the region: the value covers every byte that a client can read, and
    // a growth zeroes the bytes that it adds.
    Ok(Request::try_new(value.len().max(1) as u64)?.caller(CLIENT))
}

/// Allocates a region and writes `value` into it. The region is not published, so no client can use
/// it.
pub(super) fn hold<M: Access>(
    store: &Store<M>,
    request: &Request,
    value: &[u8],
) -> Result<RegionInfo, Failure> {
    let value = if value.is_empty() { &[0] } else { value };
    let refused = |error| Failure::Allocate(error, Word::new(b"value"));
    let region = store.vm.allocate(request).map_err(refused)?;
    let info = region.info();
    let _ = region.into_raw();
    if let Err(failure) = store.write(&info, 0, value) {
        // The region is not published, so its free cannot be prevented.
        let _ = store.vm.vfree(info.id);
        return Err(failure);
    }
    Ok(info)
}

/// Returns whether the options of a `SET` ask for the old value.
pub(in crate::service) fn wants_old<'a, M: Access>(
    store: &Store<M>,
    words: impl Iterator<Item = &'a [u8]>,
) -> bool {
    SetOptions::parse(&store.clock, words).is_ok_and(|options| options.wants_old)
}

/// Publishes the region of a large `SET` with the given options. Frees the region if this fails.
pub(in crate::service) fn publish_value<'a, M: Access>(
    parts: &mut Parts<M>,
    session: &mut Session,
    info: &RegionInfo,
    publication: Publication<KeptName>,
    words: impl Iterator<Item = &'a [u8]>,
    reply: &mut Reply<'_>,
) -> Result<(), Failure> {
    let options = match SetOptions::parse(&parts.store.clock, words) {
        Ok(options) => options,
        Err(failure) => {
            parts.store.give_up(info.id);
            return Err(failure);
        }
    };
    let publication = options.apply(publication);
    let publication = publication.borrowed();
    let mark = reply.mark();
    let old = match publication.name() {
        Some(name) if options.wants_old => {
            parts.store.has_key(name);
            old::write(parts, name, reply)
        }
        _ => Ok(()),
    };
    let published = match old {
        Ok(()) => {
            let reservation = session.reservation.take();
            parts.store.publish_in_flight(session.owner, reservation, info, &publication)
        }
        Err(failure) => {
            parts.store.give_up(info.id);
            Err(failure)
        }
    };
    match published {
        Ok(()) if !options.wants_old => reply.status("OK"),
        Err(Failure::Exists(_)) if options.only_new && !options.wants_old => reply.null(),
        Err(Failure::NoName(_)) if options.only_old && !options.wants_old => reply.null(),
        Ok(()) => {}
        Err(Failure::Exists(_)) if options.only_new => {}
        Err(Failure::NoName(_)) if options.only_old => {}
        Err(failure) => {
            reply.rewind(mark);
            return Err(failure);
        }
    }
    Ok(())
}
