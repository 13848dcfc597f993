//! Uploads: `VWRITE` and `SET` with more data than the input of a connection holds. The data is
//! written into the region while it arrives.

use vmalloc::{Access, RegionId, Request};

use super::call::Call;
use super::catalog::Group;
use super::command::keys;
use super::failure::{Failure, Word};
use super::parse::key::key;
use super::parts::Parts;
use super::session::Session;
use super::store::{CLIENT, KeptName, Publication};
use crate::resp::{Arguments, Reply};

/// A write whose data has not arrived completely.
///
/// The upload stores the id of the region, not the region: another client may free a named region
/// before the next piece arrives. Every piece therefore looks the region up again.
#[derive(Debug)]
pub(super) struct Upload {
    id: RegionId,
    offset: u64,
    length: u64,
    /// Number of bytes that have not arrived.
    remaining: u64,
    /// The publication of a new region, for `SET`. Clients cannot use the region until all bytes
    /// have arrived.
    publication: Option<Publication<KeptName>>,
}

/// The result of writing one piece of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// This number of bytes was written. More bytes must arrive, or the rest of the piece must
    /// wait.
    Taken(usize),
    /// This number of bytes was written, and the data is complete. The reply has been written
    /// unless arguments follow the data.
    Ended(usize),
    /// An error was written as the reply. This number of bytes is left to discard.
    Failed(usize),
}

/// Maximum number of arguments after the value of a large `SET`. All its options together have
/// fewer.
const OPTIONS_MAX: usize = 64;

/// Begins an upload of `length` bytes of data that are followed by `following` arguments.
///
/// Returns `None` if the request is not an upload. Returns `false` if the request was refused: the
/// error has been written, and the caller must discard the data. All checks are made before the
/// first byte of data is written.
pub(super) fn open<M: Access>(
    parts: &mut Parts<M>,
    session: &mut Session,
    upload: &mut Option<Upload>,
    arguments: Arguments<'_>,
    [length, following]: [usize; 2],
    reply: &mut Reply<'_>,
) -> Option<bool> {
    let command = parts.catalog.find(arguments.get(0).unwrap_or_default())?;
    let admitted = parts.admit(session, command);
    let reply_bytes_max = parts.reply_bytes_max();
    let mut call = Call { parts, session, arguments, reply, reply_bytes_max };
    let opened = match (command.name, arguments.count()) {
        _ if following > OPTIONS_MAX || following > 0 && command.name != "SET" => return None,
        ("VWRITE", 3) => admitted.and_then(|()| write(&call, length as u64)),
        ("SET", 2) => admitted.and_then(|()| set(&mut call, length as u64)),
        _ => return None,
    };
    match opened {
        Ok(opened) => {
            *upload = Some(opened);
            Some(true)
        }
        Err(failure) => {
            refuse(call.parts, &failure.in_words_of(command.group), call.reply);
            count(call.parts, command.name, true);
            Some(false)
        }
    }
}

fn write<M: Access>(call: &Call<'_, '_, M>, length: u64) -> Result<Upload, Failure> {
    let info = call.region(call.argument(1))?;
    let offset = call.size(2, "an offset is a number of bytes")?;
    call.parts.store.check_range(&info, offset, length)?;
    // The empty write fails for a write-protected region, before the data arrives.
    call.parts.store.write(&info, offset, &[])?;
    Ok(Upload { id: info.id, offset, length, remaining: length, publication: None })
}

/// Allocates the region of a large `SET`, into which the data will be written.
fn set<M: Access>(call: &mut Call<'_, '_, M>, length: u64) -> Result<Upload, Failure> {
    let publication = Publication::of(key(call.argument(1))?);
    let request = Request::try_new(length)?.caller(CLIENT);
    let (owner, pages) = (call.session.owner, request.pages().get());
    let demand = call.parts.store.admit_region(owner, &publication, pages)?;
    call.reserve(&demand)?;
    let store = call.store();
    let refused = |error| Failure::Allocate(error, Word::new(b"value"));
    let region = store.vm.allocate(&request).map_err(refused)?;
    let info = region.info();
    let _ = region.into_raw();
    store.note_in_flight(store.ledger.of_place(owner.place), &info);
    let publication = Some(publication.kept());
    Ok(Upload { id: info.id, offset: 0, length, remaining: length, publication })
}

/// Writes the next received bytes of a session's upload into its region.
pub(super) fn feed<M: Access>(
    parts: &mut Parts<M>,
    session: &mut Session,
    upload: &mut Option<Upload>,
    bytes: &[u8],
    has_options: bool,
    reply: &mut Reply<'_>,
) -> Flow {
    let Some(current) = upload else { return Flow::Taken(0) };
    let is_key = current.publication.is_some();
    let (command, group) = if is_key { ("SET", Group::Key) } else { ("VWRITE", Group::Region) };
    let length = usize::try_from(current.remaining).map_or(bytes.len(), |r| r.min(bytes.len()));
    let is_last = length as u64 == current.remaining;
    let workers = &parts.workers;
    // The last piece publishes the region and frees the old one, which is not possible during an
    // audit.
    if is_key && is_last && workers.is_checking || workers.exclude(session.owner.number) {
        return Flow::Taken(0);
    }
    if !is_key && parts.store.is_read(session.owner, current.id) {
        return Flow::Taken(0);
    }
    let at = current.offset + (current.length - current.remaining);
    let info = parts.store.vm.info(current.id).map_err(Failure::from);
    let written = info.and_then(|info| parts.store.write(&info, at, &bytes[..length]));
    if let Err(failure) = written {
        let remaining = usize::try_from(current.remaining).unwrap_or(usize::MAX);
        *upload = None;
        refuse(parts, &failure.in_words_of(group), reply);
        count(parts, command, true);
        return Flow::Failed(remaining);
    }
    current.remaining -= length as u64;
    if current.remaining > 0 {
        return Flow::Taken(length);
    }
    if !is_key {
        reply.integer(current.length);
        *upload = None;
        count(parts, command, false);
    } else if !has_options {
        finish(parts, session, upload, Arguments::default(), reply);
    }
    Flow::Ended(length)
}

/// Returns whether the options of a large `SET` must wait, because the region that has the key is
/// being changed.
pub(super) fn delays_options<M: Access>(parts: &Parts<M>, upload: &Option<Upload>) -> bool {
    let publication = upload.as_ref().and_then(|upload| upload.publication.as_ref());
    let name = publication.and_then(|publication| publication.borrowed().name());
    name.is_some_and(|name| matches!(parts.store.key(name), Err(Failure::Changing(_))))
}

/// Publishes the region of a large `SET` with the given options. If the reply overflows, no state
/// has changed, and the caller must repeat the call with a larger buffer.
pub(super) fn finish<M: Access>(
    parts: &mut Parts<M>,
    session: &mut Session,
    upload: &mut Option<Upload>,
    options: Arguments<'_>,
    reply: &mut Reply<'_>,
) {
    if overflows_with_old(parts, session, upload, options, reply) {
        return;
    }
    let Some(Upload { id, publication: Some(publication), .. }) = upload.take() else { return };
    let info = parts.store.vm.info(id).map_err(Failure::from);
    let set = info.and_then(|info| {
        keys::publish_value(parts, session, &info, publication, options.iter(), reply)
    });
    count(parts, "SET", set.is_err());
    if let Err(failure) = set {
        refuse(parts, &failure.in_words_of(Group::Key), reply);
    }
}

/// Returns whether the options of a large `SET` ask for the old value, and the old value does not
/// fit into the reply.
fn overflows_with_old<M: Access>(
    parts: &Parts<M>,
    session: &Session,
    upload: &Option<Upload>,
    options: Arguments<'_>,
    reply: &mut Reply<'_>,
) -> bool {
    let publication = upload.as_ref().and_then(|upload| upload.publication.as_ref());
    let Some(publication) = publication.map(Publication::borrowed) else { return false };
    if session.is_suppressed() || !keys::wants_old(&parts.store, options.iter()) {
        return false;
    }
    let mark = reply.mark();
    let old = publication.name().map_or(Ok(()), |name| keys::write_old(parts, name, reply));
    let overflows = old.is_ok() && reply.overflowed();
    if !overflows {
        reply.rewind(mark);
    }
    overflows
}

/// Frees the region of a large `SET` whose options are invalid, and writes the error.
pub(super) fn abort<M: Access>(
    parts: &mut Parts<M>,
    upload: &mut Option<Upload>,
    failure: &Failure,
    reply: &mut Reply<'_>,
) {
    if let Some(upload) = upload.take() {
        parts.store.give_up(upload.id);
    }
    count(parts, "SET", true);
    refuse(parts, failure, reply);
}

fn refuse<M: Access>(parts: &mut Parts<M>, failure: &Failure, reply: &mut Reply<'_>) {
    parts.metrics.refuse(failure, reply);
}

/// Counts an upload. Uploads are counted here because no handler of the command table serves them.
fn count<M: Access>(parts: &mut Parts<M>, command: &str, is_failed: bool) {
    let number = parts.catalog.number(command.as_bytes());
    parts.metrics.calls.count(number.unwrap_or(usize::MAX), is_failed);
}
