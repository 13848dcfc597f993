//! `APPEND` and `SETRANGE`: write into the existing region of a key.

use vmalloc::{Access, RegionId};

use super::set::make;
use crate::resp;
use crate::service::call::{Begun, Call, Step, Stepped};
use crate::service::command::free;
use crate::service::command::resize::{ResizeBegun, ResizeStepped, ResizeTarget, Resizing};
use crate::service::failure::{Failure, TOO_LARGE};
use crate::service::parse::key::key as checked_key;
use crate::service::parts::Parts;
use crate::service::store::Publication;

/// Maximum number of bytes that are copied in one turn.
const SLICE_BYTES: usize = 1 << 20;

/// The state of an `APPEND` or `SETRANGE` that takes more than one turn.
#[derive(Debug)]
pub(in crate::service) struct LargeWrite {
    /// The region that is written. If another region has the key in a later turn, the write starts
    /// over.
    id: RegionId,
    /// The offset of the first byte of the write within the region.
    offset: u64,
    /// Bytes written so far.
    done: usize,
    /// Whether the region was allocated for a new key. Such a region is freed if the write fails.
    is_made: bool,
    /// The growth of the region that must end before the write continues.
    growth: Option<Resizing>,
    /// The reason why the region could not grow, to be reported when the request is resumed.
    failure: Option<Failure>,
}

impl LargeWrite {
    fn new(id: RegionId, offset: u64, is_made: bool) -> Self {
        Self { id, offset, done: 0, is_made, growth: None, failure: None }
    }

    /// Returns whether an AP grows the region.
    pub(in crate::service) fn is_on_ap(&self) -> bool {
        self.growth.as_ref().is_some_and(Resizing::is_on_ap)
    }

    /// Returns whether the region is growing.
    pub(in crate::service) fn is_growing(&self) -> bool {
        self.growth.is_some()
    }

    /// Continues the growth of the region by one step.
    pub(in crate::service) fn step<M: Access>(
        mut self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        let Some(growth) = self.growth.take() else { return Ok(Stepped::Ready(Some(self))) };
        Ok(match growth.advance(step) {
            ResizeStepped::Waiting(growth) => {
                Stepped::Waiting(Self { growth: Some(growth), ..self })
            }
            ResizeStepped::Progressed(growth) => {
                Stepped::Progressed(Self { growth: Some(growth), ..self })
            }
            ResizeStepped::Done(Ok(_)) => Stepped::Ready(Some(self)),
            ResizeStepped::Done(Err(failure)) => {
                self.fail(step.parts);
                // If another client has freed or replaced the region, the request starts over.
                let is_gone = free::is_gone(&failure);
                Stepped::Ready((!is_gone).then_some(Self { failure: Some(failure), ..self }))
            }
        })
    }

    /// Rolls the growth back, because the connection has ended, and frees a region that was
    /// allocated for a new key. Returns the state while the growth is in progress on an AP.
    pub(in crate::service) fn cancel<M: Access>(mut self, parts: &mut Parts<M>) -> Option<Self> {
        let growth = self.growth.take().and_then(|growth| growth.cancel(parts));
        self.fail(parts);
        growth.map(|growth| Self { growth: Some(growth), ..self })
    }

    /// Ends a write that failed. Removes the key if the write has created it.
    fn fail<M: Access>(&mut self, parts: &mut Parts<M>) {
        if core::mem::take(&mut self.is_made) {
            parts.store.give_up(self.id);
        }
    }
}

/// Serves `APPEND key value`: replies with the new length.
pub(in crate::service) fn append<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<LargeWrite>,
) -> Result<Begun<LargeWrite>, Failure> {
    let (key, value) = (call.argument(1), call.argument(2));
    let found = match call.parts.store.key(key) {
        Err(Failure::Changing(_)) => return Ok(Begun::Wait(resumed)),
        found => found?,
    };
    if let Some(info) = found {
        // Unlike `SETRANGE`, `APPEND` counts as a change even without any bytes.
        call.parts.store.touch(info.id);
        // If the write was begun in an earlier turn, the region has already grown, and the offset
        // is that of the first turn.
        let begun = resumed.filter(|write| write.id == info.id);
        let end = begun.as_ref().map_or(info.requested, |write| write.offset);
        return write_at(call, begun, key, end, value);
    }
    if value.len() > SLICE_BYTES {
        return write_at(call, resumed, key, 0, value);
    }
    // `APPEND` creates a key even if it adds no bytes; `SETRANGE` does not.
    make(call, &Publication::of(checked_key(key)?), value)?;
    call.reply.integer(value.len() as u64);
    Ok(Begun::Answered)
}

/// Serves `SETRANGE key offset value`: replies with the new length of the value. Bytes before
/// `offset` that were never written are zero.
pub(in crate::service) fn setrange<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<LargeWrite>,
) -> Result<Begun<LargeWrite>, Failure> {
    let offset = resp::signed(call.argument(2));
    let offset = offset.ok_or(Failure::Redis("value is not an integer or out of range"))?;
    let offset = u64::try_from(offset).map_err(|_| Failure::Redis("offset is out of range"))?;
    write_at(call, resumed, call.argument(1), offset, call.argument(3))
}

/// Checks that a value of `bytes` bytes does not exceed the configured maximum.
fn check_length<M: Access>(parts: &Parts<M>, bytes: u64) -> Result<(), Failure> {
    if bytes > parts.config.bulk_bytes as u64 { Err(TOO_LARGE) } else { Ok(()) }
}

fn write_at<M: Access>(
    call: &mut Call<'_, '_, M>,
    begun: Option<LargeWrite>,
    key: &[u8],
    offset: u64,
    value: &[u8],
) -> Result<Begun<LargeWrite>, Failure> {
    if let Some(LargeWrite { failure: Some(failure), .. }) = begun {
        return Err(failure);
    }
    let end = offset.saturating_add(value.len() as u64);
    let found = match call.parts.store.key(key) {
        Err(Failure::Changing(_)) => return Ok(Begun::Wait(begun)),
        found => found?,
    };
    let Some(mut info) = found else {
        return write_new(call, key, offset, value);
    };
    let begun = begun.filter(|write| write.id == info.id);
    let is_made = begun.as_ref().is_some_and(|write| write.is_made);
    if value.is_empty() {
        call.reply.integer(info.requested);
        return Ok(Begun::Answered);
    }
    check_length(call.parts, end)?;
    if call.is_read(info.id) {
        return Ok(Begun::Wait(begun));
    }
    // The empty write fails for a write-protected region, which must not grow either.
    call.parts.store.write(&info, 0, &[])?;
    if end > info.requested {
        let mut write = LargeWrite::new(info.id, offset, is_made);
        match call.resize(&info, ResizeTarget::to(end)) {
            Ok(ResizeBegun::Done(now, _)) => info = now,
            Ok(ResizeBegun::Wait) => return Ok(Begun::Wait(Some(write))),
            Ok(ResizeBegun::Pending(growth)) => {
                write.growth = Some(growth);
                return Ok(Begun::Again(write));
            }
            Err(failure) => {
                write.fail(call.parts);
                return Err(failure);
            }
        }
    }
    let mut done = begun.map_or(0, |write| write.done.min(value.len()));
    let piece = &value[done..value.len().min(done + SLICE_BYTES)];
    call.parts.store.write(&info, offset + done as u64, piece)?;
    done += piece.len();
    if done < value.len() {
        let write = LargeWrite::new(info.id, offset, is_made);
        return Ok(Begun::Again(LargeWrite { done, ..write }));
    }
    call.reply.integer(info.requested);
    Ok(Begun::Answered)
}

/// Creates the key, and writes the value at `offset`.
fn write_new<M: Access>(
    call: &mut Call<'_, '_, M>,
    key: &[u8],
    offset: u64,
    value: &[u8],
) -> Result<Begun<LargeWrite>, Failure> {
    if value.is_empty() {
        call.reply.integer(0);
        return Ok(Begun::Answered);
    }
    let end = offset.saturating_add(value.len() as u64);
    check_length(call.parts, end)?;
    let publication = Publication::of(checked_key(key)?);
    if offset == 0 && value.len() <= SLICE_BYTES {
        make(call, &publication, value)?;
        call.reply.integer(end);
        return Ok(Begun::Answered);
    }
    // The key is created with an empty value, which then grows to the final size.
    make(call, &publication, &[])?;
    let made = call.parts.store.key(key)?;
    let write = made.map(|info| LargeWrite::new(info.id, offset, true));
    write_at(call, write, key, offset, value)
}
