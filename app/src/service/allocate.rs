//! `VMALLOC` and `VZALLOC`.

use vmalloc::{Machine, Request};

use super::away::Then;
use super::call::Call;
use super::failure::{Failure, Word};
use super::job::{Job, Zeroing};
use super::naming::{self, Naming};
use super::options::{self, Options};
use super::{CLIENT, size};

/// `VMALLOC size [ALIGN a] [ZERO|NOZERO] [NODE n] [PROT rw|ro] [NAME k [REPLACE]] [SOFT]`
pub(super) fn vmalloc<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let options = Options::parse(call.arguments.iter().skip(2))?;
    soften(call, &options)
}

/// Allocates; a lack is a null if that is wished for.
fn soften<M: Machine>(call: &mut Call<'_, '_, M>, options: &Options<'_>) -> Result<(), Failure> {
    match allocate(call, options) {
        Err(failure) if options.soft && failure.is_capacity() => {
            call.reply.null_array();
            Ok(())
        }
        result => result,
    }
}

/// `VMALLOC_NODE size node [options of VMALLOC]`
pub(super) fn vmalloc_node<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let mut options = Options::parse(call.arguments.iter().skip(3))?;
    options.node = Some(options::node(call.argument(2))?);
    soften(call, &options)
}

fn allocate<M: Machine>(call: &mut Call<'_, '_, M>, options: &Options<'_>) -> Result<(), Failure> {
    let text = call.argument(1);
    let bytes = size::parse(text).ok_or_else(|| size::invalid(text))?;
    let naming = Naming::new(options);
    let request = call.request(bytes, options)?;
    let demand = call.service.admit_region(call.session, &naming, request.pages().get())?;

    if is_sliced(&request) {
        call.service.reserve(call.session, &demand)?;
        let naming = naming.kept();
        let then = Then::Publish { naming, text: Word::new(text), soft: options.soft };
        if call.service.send_to_allocate(call.session, request, then).is_none() {
            return Ok(());
        }
    }
    let service = &mut *call.service;
    let refused = |error| Failure::Allocate(error, Word::new(text));
    let region = service.vm.allocate(&request).map_err(refused)?;
    let info = region.info();
    let _ = region.into_raw();
    if is_sliced(&request) {
        service.note_in_flight(service.ledger.of_place(call.session.place), &info);
        call.session.job = Some(Job::Zero(Zeroing::new(info, naming.kept())));
        return Ok(());
    }
    service.hand_over_new(call.session, &info, &naming, &demand);
    naming::tell(&info, call.reply);
    Ok(())
}

impl<M: Machine> Call<'_, '_, M> {
    /// What the library is asked for. A region with a name belongs to nobody.
    pub(super) fn request(&self, bytes: u64, options: &Options<'_>) -> Result<Request, Failure> {
        let owner = if options.name.is_some() { 0 } else { self.session.number };
        let mut request = Request::try_new(bytes.min(size::BYTES_MAX))?
            .caller(CLIENT)
            .owner(owner)
            .protection(options.protection);
        if let Some(align) = options.align {
            request = request.align(align)?;
        }
        request = request.huge(options.huge)?;
        if let Some(node) = options.node {
            let limit = self.service.vm.nodes();
            if node >= limit {
                return Err(Failure::NoNode { node, limit });
            }
            request = request.prefer_node(node)?;
        }
        Ok(if is_sliced(&request) { request } else { request.zeroed() })
    }
}

/// Whether it is zeroed after its allocation, in slices or elsewhere.
pub(super) fn is_sliced(request: &Request) -> bool {
    Zeroing::is_worth(request.pages().get())
}
