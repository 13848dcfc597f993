//! `MGET`: the values of several keys.
//!
//! A request of up to [`ARGUMENTS_AT_ONCE`] arguments is answered within one turn if its values fit
//! into the `output` limit. Any other request is answered piece by piece as the client reads the
//! reply: the request stays in the input and continues from a cursor, and large values are
//! streamed, so the reply needs no larger buffer. Other requests are served between two pieces.
//! Each value was therefore current at some moment during the request, but the values may be from
//! different moments.
//!
//! In a transaction, all replies are collected before they are sent, and no data changes between
//! two pieces. `MGET` then adds up the lengths of the values first, and refuses a reply that is too
//! large.

use runtime_config::limits::ARGUMENTS_AT_ONCE;
use vmalloc::{Access, PAGE_BYTES, RegionInfo};

use crate::service::call::{Begun, Call};
use crate::service::catalog::Group;
use crate::service::command::walk::{AT_ONCE_BYTES_MAX, SLICE, Walk};
use crate::service::failure::Failure;

/// Maximum bytes of the header of a bulk string or an array.
const HEADER_BYTES: u64 = 24;

/// Serves `MGET key [key …]`: replies with values or nulls.
pub(in crate::service) fn mget<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<Walk>,
) -> Result<Begun<Walk>, Failure> {
    if call.session.is_executing() {
        return collect(call, resumed);
    }
    if resumed.is_none() && fits_at_once(call)? {
        answer_at_once(call)?;
        return Ok(Begun::Answered);
    }
    answer_in_pieces(call, resumed)
}

fn fits_at_once<M: Access>(call: &Call<'_, '_, M>) -> Result<bool, Failure> {
    if call.arguments.count() > ARGUMENTS_AT_ONCE {
        return Ok(false);
    }
    let limit = call.parts.config.output_bytes as u64;
    let mut bytes = 0_u64;
    for key in call.arguments.iter().skip(1) {
        let length = call.parts.store.key(key)?.map_or(0, |info| info.requested);
        bytes = bytes.saturating_add(length);
    }
    Ok(bytes <= limit)
}

fn answer_at_once<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.array(call.arguments.count() - 1);
    for key in call.arguments.iter().skip(1) {
        match call.parts.store.read_key(key)? {
            Some(info) => call.write_value(&info)?,
            None => call.reply.null(),
        }
    }
    Ok(())
}

/// The next action after an element of the reply was written or delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Continue with the next key. The field is the number of pages that were read for this key.
    Key(u64),
    /// Retry the same key in a later turn.
    Same,
    /// Retry the same key when another session or an AP makes progress.
    SameLater,
    /// Retry the same key when the output is empty. The output of this call has overflowed and is
    /// discarded.
    SameAlone,
    /// Continue with the next key once the streamed value has been sent.
    Sent,
}

/// Writes as many elements as fit into the output. Elements that were written cannot be withdrawn,
/// so a value that cannot be read is replaced by its error.
fn answer_in_pieces<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<Walk>,
) -> Result<Begun<Walk>, Failure> {
    let mut walk = resumed.unwrap_or(Walk::from(call.arguments.cursor(1)));
    let mut is_alone = resumed.is_some();
    if !is_alone {
        call.reply.array(call.arguments.count() - 1);
    }
    let mut left = SLICE;
    loop {
        let here = walk;
        let Some(key) = call.arguments.next(&mut walk.next) else { return Ok(Begun::Answered) };
        match write_element(call, key, is_alone) {
            Next::Key(pages) => left = left.saturating_sub(1 + pages),
            Next::Same => return Ok(Begun::Again(here)),
            Next::SameLater => return Ok(Begun::Wait(Some(here))),
            Next::SameAlone => return Ok(Begun::Overflowed(here)),
            Next::Sent => {
                let is_last = call.arguments.next(&mut { walk.next }).is_none();
                // The request continues after the streamed value has been sent.
                return Ok(if is_last { Begun::Answered } else { Begun::Again(walk) });
            }
        }
        is_alone = false;
        if left == 0 {
            return Ok(Begun::Again(walk));
        }
    }
}

/// Writes the value of a key, or the header of a streamed value. `is_alone` tells whether no
/// element was written before in this call.
fn write_element<M: Access>(call: &mut Call<'_, '_, M>, key: &[u8], is_alone: bool) -> Next {
    let info = match call.parts.store.key(key) {
        Err(Failure::Changing(_)) if is_alone => return Next::SameLater,
        Err(Failure::Changing(_)) => return Next::Same,
        info => info,
    };
    let length = info.as_ref().ok().and_then(Option::as_ref).map_or(0, |info| info.requested);
    let is_long = length > AT_ONCE_BYTES_MAX as u64;
    let needed = if is_long { HEADER_BYTES } else { length + HEADER_BYTES };
    let fits = needed <= call.reply.room();
    if !fits && !is_alone {
        return Next::Same;
    }
    let mark = call.reply.mark();
    let written = match info {
        Ok(None) => {
            call.reply.null();
            Ok(Begun::<Walk>::Answered)
        }
        Ok(Some(info)) if is_long => call.reply_bytes(&info, 0..length, ", use GETRANGE"),
        Ok(Some(info)) => call.write_value(&info).map(|()| Begun::Answered),
        Err(failure) => Err(failure),
    };
    let waits = matches!(written, Ok(Begun::Wait(_)));
    if let Err(failure) = written {
        call.reply.rewind(mark);
        call.parts.metrics.refuse(&failure.in_words_of(Group::Key), call.reply);
    }
    if call.reply.overflowed() && !call.session.is_suppressed() {
        return Next::SameAlone;
    }
    if waits {
        // A write waits until the region has no reader, so no new reader may begin.
        return Next::SameLater;
    }
    call.parts.store.has_key(key);
    if call.session.is_streaming() { Next::Sent } else { Next::Key(length / PAGE_BYTES) }
}

/// Answers inside a transaction: adds up the lengths of the values, requests a buffer of that size,
/// and writes the values.
fn collect<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<Walk>,
) -> Result<Begun<Walk>, Failure> {
    let start = call.arguments.cursor(1);
    let mut walk = resumed.unwrap_or(Walk::from(start));
    let mut left = SLICE;
    while walk.passes < 2 {
        while let Some(key) = call.arguments.next(&mut walk.next) {
            let info = call.parts.store.key(key)?;
            let pages = match (&info, walk.passes) {
                (Some(info), 0) => {
                    call.parts.store.read(
                        info,
                        0,
                        &mut [0; 1][..usize::from(info.requested > 0)],
                    )?;
                    walk.total = walk.total.saturating_add(info.requested + HEADER_BYTES);
                    0
                }
                (None, 0) => {
                    walk.total = walk.total.saturating_add(HEADER_BYTES / 4);
                    0
                }
                (Some(info), _) => {
                    call.parts.store.has_key(key);
                    call.write_value(info)?;
                    info.requested / PAGE_BYTES
                }
                (None, _) => {
                    call.parts.store.has_key(key);
                    call.reply.null();
                    0
                }
            };
            left = left.saturating_sub(1 + pages);
            if left == 0 {
                return Ok(Begun::Again(walk));
            }
        }
        if walk.passes == 0 {
            if walk.total + 2 * HEADER_BYTES > call.reply_bytes_max as u64 {
                return Err(call.parts.reply_limit(", use GET"));
            }
            if walk.total + HEADER_BYTES > call.reply.room() {
                // This overflow is intended: it tells the server the length of the reply, and the
                // server retries the request with a buffer of that length.
                let needed = walk.total + HEADER_BYTES;
                let needed = usize::try_from(needed).unwrap_or(usize::MAX);
                call.reply.bulk_in_place(needed, |_| Ok::<(), Failure>(()))?;
                return Ok(Begun::Answered);
            }
            call.reply.array(call.arguments.count() - 1);
        }
        walk = Walk { next: start, passes: walk.passes + 1, ..walk };
    }
    Ok(Begun::Answered)
}

impl<M: Access> Call<'_, '_, M> {
    /// Replies with all bytes of a region, which must fit into the limit of a reply.
    fn write_value(&mut self, info: &RegionInfo) -> Result<(), Failure> {
        let store = &self.parts.store;
        let length = usize::try_from(info.requested).unwrap_or(usize::MAX);
        self.reply.bulk_in_place(length, |bytes| store.read(info, 0, bytes))
    }
}
