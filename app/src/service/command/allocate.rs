//! `VMALLOC`, `VZALLOC` and `VMALLOC_NODE`.

use vmalloc::{Access, RegionInfo, Request};

use crate::resp::Reply;
use crate::service::call::{Begun, Call, Step, Stepped};
use crate::service::failure::{Failure, Word};
use crate::service::parse::options::{self, Options};
use crate::service::parse::size;
use crate::service::parts::Parts;
use crate::service::store::{CLIENT, Demand, KeptName, Publication};
use crate::service::workers::{Completion, Cost, Operation, Placement, Ticket};

/// An allocation that continues in later turns. Until it is complete, no client may use the region.
#[derive(Debug)]
pub(in crate::service) enum Allocation {
    /// An AP allocates and zeroes the region.
    OnAp(Ticket, Details),
    /// The BSP zeroes the region in slices. The number counts the pages that are already zero.
    Zeroing(RegionInfo, u64, Details),
}

/// The facts that are needed to publish the region when it is zero, or to report a failure.
#[derive(Debug)]
pub(in crate::service) struct Details {
    publication: Publication<KeptName>,
    /// The size as the client wrote it, for the error if the AP cannot allocate.
    size: Word,
    /// Whether a lack of resources is answered with a null instead of an error (the option `SOFT`).
    soft: bool,
}

/// Serves `VMALLOC size [ALIGN a] [ZERO|NOZERO] [NODE n] [PROT rw|ro] [NAME k [REPLACE]] [SOFT]`.
pub(in crate::service) fn vmalloc<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Allocation>, Failure> {
    let options = Options::parse(call.arguments.iter().skip(2))?;
    begin(call, &options)
}

/// Serves `VMALLOC_NODE size node [options of VMALLOC]`.
pub(in crate::service) fn vmalloc_node<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Allocation>, Failure> {
    let mut options = Options::parse(call.arguments.iter().skip(3))?;
    options.node = Some(options::node(call.argument(2))?);
    begin(call, &options)
}

fn begin<M: Access>(
    call: &mut Call<'_, '_, M>,
    options: &Options<'_>,
) -> Result<Begun<Allocation>, Failure> {
    let failure = match allocate(call, options) {
        Ok(Placement::Here) => return Ok(Begun::Answered),
        Ok(placement) => match allocate_long(call, options, placement) {
            Err(failure) => failure,
            begun => return begun,
        },
        Err(failure) => failure,
    };
    if options.soft && failure.is_capacity() {
        call.reply.null_array();
        return Ok(Begun::Answered);
    }
    Err(failure)
}

/// Parses the size in the request, and checks that the limits admit the region. Returns the request
/// to the library, the publication and the demand.
fn admit<'a, M: Access>(
    call: &Call<'_, '_, M>,
    options: &Options<'a>,
) -> Result<(Request, Publication<&'a [u8]>, Demand), Failure> {
    let text = call.argument(1);
    let bytes = size::parse(text).ok_or_else(|| size::invalid(text))?;
    let publication = Publication::new(options.name, options.replace, options.lease_ms);
    let request = call.request(bytes, options)?;
    let pages = request.pages().get();
    let demand = call.parts.store.admit_region(call.session.owner, &publication, pages)?;
    Ok((request, publication, demand))
}

/// Allocates a region and replies, if the region is short enough to be zeroed within the request.
/// Otherwise allocates no region and returns the placement of the work.
fn allocate<M: Access>(
    call: &mut Call<'_, '_, M>,
    options: &Options<'_>,
) -> Result<Placement, Failure> {
    let (request, publication, demand) = admit(call, options)?;
    let placement = call.parts.workers.place(Cost::Allocate(request.pages().get()));
    if placement != Placement::Here {
        return Ok(placement);
    }
    let text = call.argument(1);
    let store = &mut call.parts.store;
    let region =
        store.vm.allocate(&request).map_err(|error| Failure::Allocate(error, Word::new(text)))?;
    let info = region.info();
    let _ = region.into_raw();
    store.publish_new(call.session.owner, &info, &publication, demand.taken());
    reply_region(&info, call.reply);
    Ok(Placement::Here)
}

/// Allocates a region that is too long to be zeroed within the request: an AP zeroes it, or the BSP
/// in slices.
#[cold]
fn allocate_long<M: Access>(
    call: &mut Call<'_, '_, M>,
    options: &Options<'_>,
    placement: Placement,
) -> Result<Begun<Allocation>, Failure> {
    let (request, publication, demand) = admit(call, options)?;
    call.reserve(&demand)?;
    let size = Word::new(call.argument(1));
    let Parts { store, workers, .. } = &mut *call.parts;
    let details = |size| Details { publication: publication.kept(), size, soft: options.soft };
    if placement != Placement::Sliced {
        let operation = Operation::Allocate(request.zeroed());
        match workers.submit(store.vm, call.session.owner.number, operation) {
            Some(ticket) => return Ok(Begun::Pending(Allocation::OnAp(ticket, details(size)))),
            None if placement == Placement::Ap => return Ok(Begun::Wait(None)),
            None => {}
        }
    }
    let region =
        store.vm.allocate(&request).map_err(|error| Failure::Allocate(error, size.clone()))?;
    let info = region.info();
    let _ = region.into_raw();
    store.note_in_flight(store.ledger.of_place(call.session.owner.place), &info);
    Ok(Begun::Pending(Allocation::Zeroing(info, 0, details(size))))
}

/// Replies with a new region: its id, address and mapped bytes.
fn reply_region(info: &RegionInfo, reply: &mut Reply<'_>) {
    reply.array(3);
    reply.integer(info.id.get());
    reply.bulk_hex(info.range.address().as_u64());
    reply.integer(info.range.count().bytes());
}

impl Allocation {
    /// Returns whether the allocation runs on an AP.
    pub(in crate::service) fn is_on_ap(&self) -> bool {
        matches!(self, Self::OnAp(..))
    }

    /// Continues the allocation. Publishes the region once it is zero.
    pub(in crate::service) fn step<M: Access>(
        self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        match self {
            Self::OnAp(ticket, details) => match step.parts.workers.poll(ticket) {
                Err(ticket) => Ok(Stepped::Waiting(Self::OnAp(ticket, details))),
                Ok(Completion::Allocated(Ok(info))) => {
                    let store = &mut step.parts.store;
                    store.note_in_flight(store.ledger.of_place(step.session.owner.place), &info);
                    publish(step, &info, &details)
                }
                Ok(Completion::Allocated(Err(error))) => {
                    match Failure::Allocate(error, details.size) {
                        failure if details.soft && failure.is_capacity() => {
                            step.reply.null_array();
                            Ok(Stepped::Answered)
                        }
                        failure => Err(failure),
                    }
                }
                Ok(other) => unreachable!("an allocation completed as {other:?}"),
            },
            Self::Zeroing(..) if !step.can_slice() => Ok(Stepped::Waiting(self)),
            Self::Zeroing(info, done, details) => {
                let pages = info.range.count().get();
                let slice = step.budget.take(pages - done);
                if let Err(failure) = step.parts.store.zero_pages(info.id, done, slice) {
                    // The region no longer exists, so only its record is removed.
                    step.parts.store.forget(info.id);
                    return Err(failure);
                }
                if done + slice < pages {
                    return Ok(Stepped::Progressed(Self::Zeroing(info, done + slice, details)));
                }
                publish(step, &info, &details)
            }
        }
    }

    /// Abandons the allocation, because its connection has ended. Returns the state if the AP is
    /// still allocating; the caller must then cancel again later. A region that the BSP zeroes
    /// needs no action: it is in the list of its connection, and becomes an orphan with that list.
    pub(in crate::service) fn cancel<M: Access>(self, parts: &mut Parts<M>) -> Option<Self> {
        let Self::OnAp(ticket, details) = self else { return None };
        match parts.workers.poll(ticket) {
            Err(ticket) => return Some(Self::OnAp(ticket, details)),
            Ok(Completion::Allocated(Ok(info))) => parts.store.note_orphan(&info),
            Ok(_) => {}
        }
        None
    }
}

fn publish<M: Access>(
    step: &mut Step<'_, '_, M>,
    info: &RegionInfo,
    details: &Details,
) -> Result<Stepped<Allocation>, Failure> {
    let reservation = step.session.reservation.take();
    let publication = details.publication.borrowed();
    step.parts.store.publish_in_flight(step.session.owner, reservation, info, &publication)?;
    reply_region(info, step.reply);
    Ok(Stepped::Answered)
}

impl<M: Access> Call<'_, '_, M> {
    /// Builds the request to the library. A named region gets no owning connection. A region of at
    /// most one slice is zeroed by the library during the allocation.
    pub(super) fn request(&self, bytes: u64, options: &Options<'_>) -> Result<Request, Failure> {
        let owner = if options.name.is_some() { 0 } else { self.session.owner.number };
        let mut request = Request::try_new(bytes.min(size::BYTES_MAX))?
            .caller(CLIENT)
            .owner(owner)
            .protection(options.protection);
        if let Some(align) = options.align {
            request = request.align(align)?;
        }
        request = request.huge(options.huge)?;
        if let Some(node) = options.node {
            let limit = self.parts.store.vm.nodes();
            if node >= limit {
                return Err(Failure::NoNode { node, limit });
            }
            request = request.prefer_node(node)?;
        }
        let cost = Cost::Allocate(request.pages().get());
        let is_short = self.parts.workers.place(cost) == Placement::Here;
        Ok(if is_short { request.zeroed() } else { request })
    }
}
