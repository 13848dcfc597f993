//! `VREALLOC`, and the growth of a region that `APPEND` and `SETRANGE` need.

use vmalloc::{
    Access, PAGE_BYTES, ReallocMode, RegionId, RegionInfo, Resize, ResizeError, Resized,
};

use crate::resp::Reply;
use crate::service::call::{Begun, Call, Step, Stepped};
use crate::service::failure::{Failure, Word};
use crate::service::parse::size;
use crate::service::parts::Parts;
use crate::service::store::Store;
use crate::service::store::ledger::State;
use crate::service::workers::{Completion, Cost, Operation, Placement, Ticket};

/// A resize that takes several turns. No client may use the region until the resize is complete.
#[derive(Debug)]
pub(in crate::service) enum Resizing {
    /// An AP resizes the region.
    OnAp(Ticket, RegionId),
    /// The BSP has grown the region, and zeroes its new pages in slices.
    Zeroing(Growth),
}

/// A region that has grown, while its new pages are being zeroed.
#[derive(Debug)]
pub(in crate::service) struct Growth {
    id: RegionId,
    how: Resized,
    /// The index of the next page to zero.
    next: u64,
    /// The requested size of the region before the growth, in bytes.
    requested: u64,
}

/// The result of beginning a resize.
#[derive(Debug)]
pub(super) enum ResizeBegun {
    /// The resize is complete. The fields are the region and how it was resized.
    Done(RegionInfo, Resized),
    /// No AP is idle, so the request must be retried.
    Wait,
    /// The resize continues in later turns.
    Pending(Resizing),
}

/// The outcome of one step of a resize.
#[derive(Debug)]
pub(super) enum ResizeStepped {
    /// No work was done.
    Waiting(Resizing),
    /// A slice was zeroed.
    Progressed(Resizing),
    /// The resize has ended.
    Done(Result<(RegionInfo, Resized), Failure>),
}

/// Serves `VREALLOC <r> size [MOVE|NOMOVE|COPY] [ZERO]`.
pub(in crate::service) fn vrealloc<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Resizing>, Failure> {
    let info = call.region(call.argument(1))?;
    let bytes = size::parse(call.argument(2)).ok_or_else(|| size::invalid(call.argument(2)))?;
    let mut target = ResizeTarget::to(bytes.min(size::BYTES_MAX));
    for word in call.arguments.iter().skip(3) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("NOMOVE") {
            target.resize = target.resize.in_place();
        } else if is("COPY") {
            target.resize = target.resize.mode(ReallocMode::Copy);
            target.is_copy = true;
        } else if !(is("MOVE") || is("ZERO")) {
            // `ZERO` is the default: bytes that a client can read are always zeroed.
            return Err(Failure::Option(Word::new(word)));
        }
    }
    if target.bytes == 0 {
        call.store().give_up(info.id);
        call.reply.null();
        return Ok(Begun::Answered);
    }
    if call.is_read(info.id) {
        return Ok(Begun::Wait(None));
    }
    Ok(match call.resize(&info, target)? {
        ResizeBegun::Done(info, how) => {
            reply_resized(&info, how, call.reply);
            Begun::Answered
        }
        ResizeBegun::Wait => Begun::Wait(None),
        ResizeBegun::Pending(resizing) => Begun::Pending(resizing),
    })
}

fn reply_resized(info: &RegionInfo, how: Resized, reply: &mut Reply<'_>) {
    reply.array(4);
    reply.integer(info.id.get());
    reply.bulk_hex(info.range.address().as_u64());
    reply.integer(info.range.count().bytes());
    reply.bulk(how.name().as_bytes());
}

/// The target size of a resize.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResizeTarget {
    resize: Resize,
    bytes: u64,
    is_copy: bool,
}

impl ResizeTarget {
    /// Creates a target of `bytes` bytes, which may move the region.
    pub(super) fn to(bytes: u64) -> Self {
        Self { resize: Resize::to(bytes), bytes, is_copy: false }
    }
}

impl<M: Access> Call<'_, '_, M> {
    /// Resizes a region that the session may use. A resize that would take too long is offloaded to
    /// an AP or done in slices.
    pub(super) fn resize(
        &mut self,
        info: &RegionInfo,
        target: ResizeTarget,
    ) -> Result<ResizeBegun, Failure> {
        let ResizeTarget { resize, bytes, is_copy } = target;
        let (old, new) = (info.range.count().get(), bytes.div_ceil(PAGE_BYTES));
        let added = new.saturating_sub(old);
        let owner = self.session.owner;
        let demand = self.parts.store.admit_growth(owner, info, added)?;
        let cost = Cost::Resize {
            zeroed: added,
            copied: if is_copy { old.min(new) } else { 0 },
            unmapped: old.saturating_sub(new),
        };
        match self.parts.workers.place(cost) {
            Placement::Ap | Placement::ApOrSliced => {
                self.reserve(&demand)?;
                let Parts { store, workers, .. } = &mut *self.parts;
                let operation = Operation::Resize(info.id, resize.zeroed());
                let Some(ticket) = workers.submit(store.vm, owner.number, operation) else {
                    return Ok(ResizeBegun::Wait);
                };
                store.ledger.set_state(info.id, State::Changing);
                Ok(ResizeBegun::Pending(Resizing::OnAp(ticket, info.id)))
            }
            Placement::Here => {
                let store = &mut self.parts.store;
                let (info, how) = store.vm.resize(info.id, &resize.zeroed())?;
                store.ledger.set_empty(info.id, false);
                store.ledger.set_pages(info.id, info.range.count().get());
                store.touch(info.id);
                Ok(ResizeBegun::Done(info, how))
            }
            Placement::Sliced => {
                let growth = grow(&mut self.parts.store, info, &resize)?;
                Ok(ResizeBegun::Pending(Resizing::Zeroing(growth)))
            }
        }
    }
}

/// Adds pages to a region. The caller must zero these pages before clients use the region again.
fn grow<M: Access>(
    store: &mut Store<M>,
    info: &RegionInfo,
    resize: &Resize,
) -> Result<Growth, Failure> {
    // The rest of the last old page is zeroed here; the new pages are zeroed later, in slices.
    let (pages, end) = (info.range.count().get(), info.range.count().bytes());
    // The value is empty, but its region in the library has one byte, which is zero.
    let requested = info.requested.max(1);
    store.vm.resize(info.id, &Resize::to(end).zeroed())?;
    match store.vm.resize(info.id, &resize.unzeroed()) {
        Ok((grown, how)) => {
            store.ledger.set_pages(info.id, grown.range.count().get());
            store.ledger.set_state(info.id, State::Changing);
            Ok(Growth { id: info.id, how, next: pages, requested })
        }
        Err(error) => {
            // Shrinking back cannot fail, because the region keeps its pages.
            let _ = store.vm.resize(info.id, &Resize::to(requested));
            Err(error.into())
        }
    }
}

impl Resizing {
    /// Returns whether an AP resizes the region.
    pub(in crate::service) fn is_on_ap(&self) -> bool {
        matches!(self, Self::OnAp(..))
    }

    /// Replies when the region has its new size.
    pub(in crate::service) fn step<M: Access>(
        self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        match self.advance(step) {
            ResizeStepped::Waiting(resizing) => Ok(Stepped::Waiting(resizing)),
            ResizeStepped::Progressed(resizing) => Ok(Stepped::Progressed(resizing)),
            ResizeStepped::Done(result) => {
                let (info, how) = result?;
                reply_resized(&info, how, step.reply);
                Ok(Stepped::Answered)
            }
        }
    }

    /// Continues the resize by one step.
    pub(super) fn advance<M: Access>(self, step: &mut Step<'_, '_, M>) -> ResizeStepped {
        match self {
            Self::OnAp(ticket, id) => match step.parts.workers.poll(ticket) {
                Err(ticket) => ResizeStepped::Waiting(Self::OnAp(ticket, id)),
                Ok(Completion::Resized(result)) => {
                    ResizeStepped::Done(finish(&mut step.parts.store, id, result))
                }
                Ok(other) => unreachable!("a resize completed as {other:?}"),
            },
            Self::Zeroing(_) if !step.can_grow() => ResizeStepped::Waiting(self),
            Self::Zeroing(mut growth) => match growth.zero_slice(step) {
                Ok(None) => ResizeStepped::Progressed(Self::Zeroing(growth)),
                Ok(Some(info)) => {
                    let result = Ok((info, growth.how));
                    ResizeStepped::Done(finish(&mut step.parts.store, growth.id, result))
                }
                // The region was freed since the last step.
                Err(failure) => ResizeStepped::Done(Err(failure)),
            },
        }
    }

    /// Rolls a sliced growth back, because the connection has ended; no client has observed the
    /// growth. Returns the state while a resize is in progress on an AP.
    pub(in crate::service) fn cancel<M: Access>(self, parts: &mut Parts<M>) -> Option<Self> {
        let (ticket, id) = match self {
            Self::OnAp(ticket, id) => (ticket, id),
            Self::Zeroing(growth) => {
                growth.roll_back(&mut parts.store);
                return None;
            }
        };
        match parts.workers.poll(ticket) {
            Err(ticket) => return Some(Self::OnAp(ticket, id)),
            Ok(Completion::Resized(Ok((info, _)))) => {
                parts.store.ledger.set_pages(id, info.range.count().get());
            }
            Ok(_) => {}
        }
        parts.store.change_ended(id);
        None
    }
}

impl Growth {
    /// Zeroes a slice of the new pages. Returns the region once all its pages are zero.
    fn zero_slice<M: Access>(
        &mut self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Option<RegionInfo>, Failure> {
        let store = &step.parts.store;
        let info = store.vm.info(self.id)?;
        let pages = info.range.count().get();
        let slice = step.budget.take(pages - self.next);
        store.zero_pages(self.id, self.next, slice)?;
        self.next += slice;
        Ok((self.next == pages).then_some(info))
    }

    fn roll_back<M: Access>(self, store: &mut Store<M>) {
        let Self { id, next, requested, .. } = self;
        let mut pages = requested.div_ceil(PAGE_BYTES);
        if store.vm.resize(id, &Resize::to(requested)).is_err() {
            // The shrink failed, because the window has no slot for the pages that it would cut
            // off. The region keeps its new size, and all its remaining pages are zeroed now.
            pages = store.vm.info(id).map_or(0, |info| info.range.count().get());
            store.ledger.set_empty(id, false);
            let _ = store.zero_pages(id, next, pages.saturating_sub(next));
        }
        store.ledger.set_pages(id, pages);
        store.change_ended(id);
    }
}

/// Makes a resized region usable again.
fn finish<M: Access>(
    store: &mut Store<M>,
    id: RegionId,
    result: Result<(RegionInfo, Resized), ResizeError>,
) -> Result<(RegionInfo, Resized), Failure> {
    let is_owned = store.ledger.state(id) == Some(State::Changing);
    if let Ok((info, _)) = &result {
        store.ledger.set_pages(id, info.range.count().get());
        store.ledger.set_empty(id, false);
        store.touch(id);
    }
    store.change_ended(id);
    if is_owned { Ok(result?) } else { Err(Failure::NotUsable(id)) }
}
