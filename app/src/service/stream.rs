//! `VWRITE` of more bytes than the input buffer holds: written as they come.

use vmalloc::{Machine, RegionId};

use super::Service;
use super::call::Call;
use super::failure::Failure;
use super::session::Session;
use super::table::Commands;
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
}

/// Begins a `VWRITE` whose data, the last argument, has `length` bytes and does not fit.
///
/// Returns `false` where the request is something else. Everything is checked first; on an error
/// the reply has been written and the data is to be thrown away, as it is where this is no write.
pub fn open_stream<M: Machine>(
    service: &mut Service<M>,
    session: &mut Session,
    arguments: Arguments<'_>,
    length: usize,
    reply: &mut Reply<'_>,
) -> Option<bool> {
    let name = arguments.get(0).unwrap_or_default();
    let is_write = Commands::<M>::find(name).is_some_and(|command| command.name == "VWRITE");
    if !is_write || arguments.count() != 3 {
        return None;
    }
    let reply_bytes_max = service.reply_bytes_max();
    let call = Call { service, session, arguments, reply, reply_bytes_max };
    match check(&call, length as u64) {
        Ok(stream) => {
            session.stream = Some(stream);
            Some(true)
        }
        Err(failure) => {
            service.refuse(&failure, reply);
            Some(false)
        }
    }
}

fn check<M: Machine>(call: &Call<'_, '_, M>, length: u64) -> Result<Stream, Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    let offset = call.size(2, "an offset is a number of bytes")?;
    call.service.check_range(&info, offset, length)?;
    // A region that refuses writes says so now, not after the data.
    call.service.write(&info, offset, &[])?;
    Ok(Stream { id: info.id, offset, length, remaining: length })
}

/// What a piece of a stream came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// So many bytes were taken; more must come.
    Taken(usize),
    /// So many bytes were taken, the last ones; the reply has been written.
    Ended(usize),
    /// The reply is an error; so many bytes are still to be thrown away.
    Failed(usize),
}

impl<M: Machine> Service<M> {
    /// Writes what has come of a session's stream.
    pub fn feed(&mut self, session: &mut Session, bytes: &[u8], reply: &mut Reply<'_>) -> Flow {
        let Some(mut stream) = session.stream.take() else { return Flow::Taken(0) };
        let length = usize::try_from(stream.remaining).map_or(bytes.len(), |r| r.min(bytes.len()));
        let piece = &bytes[..length];
        let at = stream.offset + (stream.length - stream.remaining);
        let written = self
            .vm
            .info(stream.id)
            .map_err(Failure::from)
            .and_then(|info| self.write(&info, at, piece));
        if let Err(failure) = written {
            self.refuse(&failure, reply);
            return Flow::Failed(usize::try_from(stream.remaining).unwrap_or(usize::MAX));
        }
        stream.remaining -= length as u64;
        if stream.remaining > 0 {
            session.stream = Some(stream);
            return Flow::Taken(length);
        }
        reply.integer(stream.length);
        Flow::Ended(length)
    }
}
