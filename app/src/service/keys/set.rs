//! Keys that are written, and that go.

use vmalloc::{Machine, RegionId, RegionInfo, Request};

use crate::resp::{self, Reply};
use crate::service::call::Call;
use crate::service::failure::{Failure, TOO_LARGE, Word};
use crate::service::job::Job;
use crate::service::naming::{KeptName, Naming};
use crate::service::resize::{After, Wish};
use crate::service::session::Session;
use crate::service::walk::Visit;
use crate::service::{CLIENT, Service};

use super::set_options::SetOptions;

/// Bytes that are copied in one turn.
const SLICE_BYTES: usize = 1 << 20;

/// A write into a key that takes more than one turn. Its request is served again and goes on from here.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct LargeWrite {
    /// The region that is written. Where another region has the key in a later turn, the write begins again.
    id: RegionId,
    /// Where it begins.
    offset: u64,
    /// Bytes that are written.
    done: usize,
    /// Whether the region was made for a key that was not there: it is freed where the write fails.
    is_made: bool,
}

impl<M: Machine> Service<M> {
    /// Ends a write that cannot be made: a key that was made for it is gone.
    pub(in crate::service) fn fail_write(&mut self, session: &mut Session) {
        if let Some(write) = session.write.take().filter(|write| write.is_made) {
            self.give_up(write.id);
        }
    }
}

/// `SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]`: a new region, and the old one is
/// freed.
pub(in crate::service) fn set<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let name = super::name(call.argument(1))?;
    let options = SetOptions::parse(call.service, call.arguments.iter().skip(3))?;
    if options.wants_old {
        call.service.has_key(call.argument(1));
        if !super::old::reply(call, call.argument(1))? {
            return Ok(());
        }
    }
    let is_made = match make(call, &options.apply(Naming::of(name)), call.argument(2)) {
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

/// Whether the words behind the value of a `SET` ask for the old value.
pub(in crate::service) fn wants_old<'a, M: Machine>(
    service: &Service<M>,
    words: impl Iterator<Item = &'a [u8]>,
) -> bool {
    SetOptions::parse(service, words).is_ok_and(|options| options.wants_old)
}

/// Gives a region that holds the value of a `SET` to its name, as the words behind the value say; otherwise
/// frees it.
pub(in crate::service) fn publish<'a, M: Machine>(
    service: &mut Service<M>,
    session: &mut Session,
    info: &RegionInfo,
    naming: Naming<KeptName>,
    words: impl Iterator<Item = &'a [u8]>,
    reply: &mut Reply<'_>,
) -> Result<(), Failure> {
    let options = match SetOptions::parse(service, words) {
        Ok(options) => options,
        Err(failure) => {
            service.give_up(info.id);
            return Err(failure);
        }
    };
    let naming = options.apply(naming);
    let mark = reply.mark();
    let old = match naming.borrowed().name() {
        Some(name) if options.wants_old => {
            service.has_key(name);
            super::old::write(service, name, reply)
        }
        _ => Ok(()),
    };
    if old.is_err() {
        service.give_up(info.id);
    }
    match old.and_then(|()| service.settle(session, info, &naming)) {
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

/// Makes a region that holds a value.
pub(super) fn make<M: Machine>(
    call: &mut Call<'_, '_, M>,
    naming: &Naming<&[u8]>,
    value: &[u8],
) -> Result<(), Failure> {
    let service = &mut *call.service;
    let request = request(value)?;
    let demand = service.admit_region(call.session, naming, request.pages().get())?;
    let info = hold(service, &request, value)?;
    service.hand_over_new(call.session, &info, naming, &demand);
    service.ledger.set_empty(info.id, value.is_empty());
    Ok(())
}

/// The request for a region that holds a value. A value of no bytes has a region of one, which is zero.
pub(super) fn request(value: &[u8]) -> Result<Request, Failure> {
    // Not zeroed: every byte that can be read is written, and a growth clears the rest.
    Ok(Request::try_new(value.len().max(1) as u64)?.caller(CLIENT))
}

/// Allocates a region and writes a value into it. No client knows the region yet.
pub(super) fn hold<M: Machine>(
    service: &Service<M>,
    request: &Request,
    value: &[u8],
) -> Result<RegionInfo, Failure> {
    let value = if value.is_empty() { &[0] } else { value };
    let refused = |error| Failure::Allocate(error, Word::new(b"value"));
    let region = service.vm.allocate(request).map_err(refused)?;
    let info = region.info();
    let _ = region.into_raw();
    if let Err(failure) = service.write(&info, 0, value) {
        // No client knows the region yet.
        let _ = service.vm.vfree(info.id);
        return Err(failure);
    }
    Ok(info)
}

/// `APPEND key value`: how long it is then.
pub(in crate::service) fn append<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let (key, value) = (call.argument(1), call.argument(2));
    // A write that goes on has grown the region already.
    let begun = call.session.write;
    if let Some(info) = call.service.key(key)? {
        // Unlike `SETRANGE` it changes the key without any bytes too.
        call.service.touch(info.id);
        let begun = begun.filter(|write| write.id == info.id);
        let end = begun.map_or(info.requested, |write| write.offset);
        return write_at(call, key, end, value);
    }
    if value.len() > SLICE_BYTES {
        return write_at(call, key, 0, value);
    }
    call.session.write = None;
    // Unlike `SETRANGE` it makes a key of no bytes too.
    make(call, &Naming::of(super::name(key)?), value)?;
    call.reply.integer(value.len() as u64);
    Ok(())
}

/// `SETRANGE key offset value`: how long it is then. What was never written is zero.
pub(in crate::service) fn setrange<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let offset = resp::signed(call.argument(2));
    let offset = offset.ok_or(Failure::Redis("value is not an integer or out of range"))?;
    let offset = u64::try_from(offset).map_err(|_| Failure::Redis("offset is out of range"))?;
    write_at(call, call.argument(1), offset, call.argument(3))
}

/// Whether a value may be so long.
fn check_length<M: Machine>(service: &Service<M>, bytes: u64) -> Result<(), Failure> {
    if bytes > service.config.bulk_bytes as u64 { Err(TOO_LARGE) } else { Ok(()) }
}

fn write_at<M: Machine>(
    call: &mut Call<'_, '_, M>,
    key: &[u8],
    offset: u64,
    value: &[u8],
) -> Result<(), Failure> {
    let end = offset.saturating_add(value.len() as u64);
    let begun = call.session.write.take();
    let Some(mut info) = call.service.key(key)? else {
        if value.is_empty() {
            call.reply.integer(0);
            return Ok(());
        }
        check_length(call.service, end)?;
        let naming = Naming::of(super::name(key)?);
        if offset == 0 && value.len() <= SLICE_BYTES {
            make(call, &naming, value)?;
            call.reply.integer(end);
            return Ok(());
        }
        // No byte, which grows by what is missing.
        make(call, &naming, &[])?;
        let made = call.service.key(key)?;
        call.session.write =
            made.map(|info| LargeWrite { id: info.id, offset, done: 0, is_made: true });
        return write_at(call, key, offset, value);
    };
    let id = info.id;
    let begun = begun.filter(|write| write.id == id);
    let is_made = begun.is_some_and(|write| write.is_made);
    if value.is_empty() {
        call.reply.integer(info.requested);
        return Ok(());
    }
    check_length(call.service, end)?;
    if call.waits_for_readers(info.id) {
        call.session.write = begun;
        return Ok(());
    }
    // A key that refuses writes is not made larger either.
    call.service.write(&info, 0, &[])?;
    if end > info.requested {
        let wish = Wish::to(end);
        call.session.write = Some(LargeWrite { id, offset, done: 0, is_made });
        match call.service.resize(call.session, &info, wish, After::Again) {
            Ok(Some((now, _))) => info = now,
            Ok(None) => return Ok(()),
            Err(failure) => {
                call.service.fail_write(call.session);
                return Err(failure);
            }
        }
        call.session.write = None;
    }
    let mut done = begun.map_or(0, |write| write.done.min(value.len()));
    let piece = &value[done..value.len().min(done + SLICE_BYTES)];
    call.service.write(&info, offset + done as u64, piece)?;
    done += piece.len();
    if done < value.len() {
        call.session.write = Some(LargeWrite { id, offset, done, is_made });
        call.session.job = Some(Job::Continue);
        return Ok(());
    }
    call.reply.integer(info.requested);
    Ok(())
}

/// `DEL key [key …]`, `UNLINK key [key …]`: how many were there. Large ones are freed later.
pub(in crate::service) fn del<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let gone = call.walk(1, 1, |service, _, _, key| {
        let found = service.names.find(key).and_then(|index| service.names.id(index));
        let pages = found.map_or(0, |id| service.give_up(id));
        Ok(Visit { counted: found.is_some(), pages })
    })?;
    if let Some(gone) = gone {
        call.reply.integer(gone);
    }
    Ok(())
}
