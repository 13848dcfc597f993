//! `VWRITE` and `SET` of more bytes than the input buffer holds: written as they come.

use vmalloc::{Machine, RegionId, Request};

use super::call::Call;
use super::failure::{Failure, Word};
use super::naming::{KeptName, Naming};
use super::session::Session;
use super::table::{Commands, Group};
use super::{CLIENT, Service, keys};
use crate::resp::{Arguments, Reply};

/// A write whose bytes are still coming.
///
/// It holds the id, not the region: somebody may free a named region meanwhile, and every piece
/// asks again.
#[derive(Debug)]
pub struct Stream {
    id: RegionId,
    offset: u64,
    length: u64,
    /// Bytes that have not come yet.
    remaining: u64,
    /// What a new region is called when all have come; nobody can use it before.
    naming: Option<Naming<KeptName>>,
}

/// Arguments that may follow the value of a `SET`: more than all its options have.
const OPTIONS_MAX: usize = 64;

/// Begins a write whose data has `length` bytes and does not fit; `following` arguments come behind it.
///
/// Returns `None` where the request is something else, and `false` where the reply has been written
/// and the data is to be thrown away. Everything is checked first.
pub fn open_stream<M: Machine>(
    service: &mut Service<M>,
    session: &mut Session,
    arguments: Arguments<'_>,
    length: usize,
    following: usize,
    reply: &mut Reply<'_>,
) -> Option<bool> {
    let command = Commands::<M>::find(arguments.get(0).unwrap_or_default())?;
    let reply_bytes_max = service.reply_bytes_max();
    let mut call = Call { service, session, arguments, reply, reply_bytes_max };
    let admitted = call.service.admit(call.session, command);
    let opened = match (command.name, arguments.count()) {
        _ if following > OPTIONS_MAX || following > 0 && command.name != "SET" => return None,
        ("VWRITE", 3) => admitted.and_then(|()| write(&call, length as u64)),
        ("SET", 2) => admitted.and_then(|()| set(&mut call, length as u64)),
        _ => return None,
    };
    match opened {
        Ok(stream) => {
            session.stream = Some(stream);
            Some(true)
        }
        Err(failure) => {
            service.refuse(&failure.in_words_of(command.group), reply);
            service.count_stream(command.name, true);
            service.close_reservation(session);
            Some(false)
        }
    }
}

fn write<M: Machine>(call: &Call<'_, '_, M>, length: u64) -> Result<Stream, Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    let offset = call.size(2, "an offset is a number of bytes")?;
    call.service.check_range(&info, offset, length)?;
    // A region that refuses writes says so now, not after the data.
    call.service.write(&info, offset, &[])?;
    Ok(Stream { id: info.id, offset, length, remaining: length, naming: None })
}

/// Makes the region that the bytes will fill.
fn set<M: Machine>(call: &mut Call<'_, '_, M>, length: u64) -> Result<Stream, Failure> {
    let naming = Naming::of(keys::name(call.argument(1))?);
    let request = Request::try_new(length)?.caller(CLIENT);
    let demand = call.service.admit_region(call.session, &naming, request.pages().get())?;
    call.service.reserve(call.session, &demand)?;
    let refused = |error| Failure::Allocate(error, Word::new(b"value"));
    let region = call.service.vm.allocate(&request).map_err(refused)?;
    let info = region.info();
    let _ = region.into_raw();
    call.service.note_in_flight(call.service.ledger.of_place(call.session.place), &info);
    Ok(Stream { id: info.id, offset: 0, length, remaining: length, naming: Some(naming.kept()) })
}

/// What a piece of a stream came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// So many bytes were taken; more must come, or the last ones must wait.
    Taken(usize),
    /// So many bytes were taken, the last ones; the reply has been written where no arguments follow.
    Ended(usize),
    /// The reply is an error; so many bytes are still to be thrown away.
    Failed(usize),
}

impl<M: Machine> Service<M> {
    /// Writes what has come of a session's stream.
    pub fn feed(
        &mut self,
        session: &mut Session,
        bytes: &[u8],
        has_options: bool,
        reply: &mut Reply<'_>,
    ) -> Flow {
        let Some(mut stream) = session.stream.take() else { return Flow::Taken(0) };
        let is_key = stream.naming.is_some();
        let (command, group) = if is_key { ("SET", Group::Key) } else { ("VWRITE", Group::Region) };
        let length = usize::try_from(stream.remaining).map_or(bytes.len(), |r| r.min(bytes.len()));
        let is_last = stream.naming.is_some() && length as u64 == stream.remaining;
        if is_last && self.is_checking || self.is_excluded(session) {
            // The region that has the name cannot be freed yet.
            session.stream = Some(stream);
            return Flow::Taken(0);
        }
        if stream.naming.is_none() && self.is_read(session, stream.id) {
            session.stream = Some(stream);
            return Flow::Taken(0);
        }
        let piece = &bytes[..length];
        let at = stream.offset + (stream.length - stream.remaining);
        let written = self
            .vm
            .info(stream.id)
            .map_err(Failure::from)
            .and_then(|info| self.write(&info, at, piece));
        if let Err(failure) = written {
            self.refuse(&failure.in_words_of(group), reply);
            self.count_stream(command, true);
            self.close_reservation(session);
            return Flow::Failed(usize::try_from(stream.remaining).unwrap_or(usize::MAX));
        }
        stream.remaining -= length as u64;
        if stream.remaining > 0 {
            session.stream = Some(stream);
            return Flow::Taken(length);
        }
        if stream.naming.is_none() {
            reply.integer(stream.length);
            self.count_stream(command, false);
            self.close_reservation(session);
            return Flow::Ended(length);
        }
        session.stream = Some(stream);
        if !has_options {
            self.finish_stream(session, Arguments::default(), reply);
        }
        Flow::Ended(length)
    }

    /// Whether a large `SET` waits before its options are served, because the region of its key is being
    /// changed. Then the session is looked at again.
    pub fn delays_options(&self, session: &mut Session) -> bool {
        let naming = session.stream.as_ref().and_then(|stream| stream.naming.as_ref());
        let key = naming.and_then(|naming| naming.borrowed().name().map(|name| self.key(name)));
        let waits = matches!(key, Some(Err(Failure::Changing(_))));
        if waits {
            self.put_off(session);
        }
        waits
    }

    /// Gives the region of a large `SET` to its name, as the options behind the value say. Where the reply
    /// overflows, nothing was done, and it is to be called again with more room.
    pub fn finish_stream(
        &mut self,
        session: &mut Session,
        options: Arguments<'_>,
        reply: &mut Reply<'_>,
    ) {
        if self.overflows_with_old(session, options, reply) {
            return;
        }
        let Some(Stream { id, naming: Some(naming), .. }) = session.stream.take() else { return };
        let info = self.vm.info(id).map_err(Failure::from);
        let set = info
            .and_then(|info| keys::publish(self, session, &info, naming, options.iter(), reply));
        let set = set.map_err(|failure| failure.in_words_of(Group::Key));
        self.count_stream("SET", set.is_err());
        self.answer(set, reply);
        self.close_reservation(session);
    }

    /// Whether the old value that the options of a large `SET` ask for does not fit into the reply.
    fn overflows_with_old(
        &self,
        session: &Session,
        options: Arguments<'_>,
        reply: &mut Reply<'_>,
    ) -> bool {
        let naming = session.stream.as_ref().and_then(|stream| stream.naming.as_ref());
        let Some(naming) = naming.map(Naming::borrowed) else { return false };
        if session.is_suppressed() || !keys::wants_old(self, options.iter()) {
            return false;
        }
        let mark = reply.mark();
        let old = naming.name().map_or(Ok(()), |name| keys::write_old(self, name, reply));
        let overflows = old.is_ok() && reply.overflowed();
        if !overflows {
            reply.rewind(mark);
        }
        overflows
    }

    /// Frees the region of a large `SET` whose options cannot be read.
    pub fn refuse_stream(
        &mut self,
        session: &mut Session,
        failure: &Failure,
        reply: &mut Reply<'_>,
    ) {
        if let Some(stream) = session.stream.take() {
            self.give_up(stream.id);
        }
        self.count_stream("SET", true);
        self.refuse(failure, reply);
        self.close_reservation(session);
    }
}
