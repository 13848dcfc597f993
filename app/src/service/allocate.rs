//! `VMALLOC` and `VZALLOC`.

use arrayvec::ArrayVec;
use runtime_config::limits::NAME_BYTES_MAX;
use vmalloc::{Machine, RegionId, RegionInfo, Request};

use super::away::Then;
use super::call::Call;
use super::failure::{Failure, Word};
use super::job::{Job, Zeroing};
use super::ledger::List;
use super::options::Options;
use super::session::Session;
use super::{CLIENT, Service, size};
use crate::resp::Reply;

/// How a region is to be called once it is zeroed.
#[derive(Debug)]
pub(super) struct Naming {
    name: ArrayVec<u8, NAME_BYTES_MAX>,
    replace: bool,
}

/// `VMALLOC size [ALIGN a] [ZERO|NOZERO] [NODE n] [PROT rw|ro] [NAME k [REPLACE]] [SOFT]`
pub(super) fn vmalloc<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let options = Options::parse(call.arguments.iter().skip(2))?;
    match allocate(call, &options) {
        Err(failure) if options.soft && failure.is_capacity() => {
            call.reply.null_array();
            Ok(())
        }
        result => result,
    }
}

fn allocate<M: Machine>(call: &mut Call<'_, '_, M>, options: &Options<'_>) -> Result<(), Failure> {
    let text = call.argument(1);
    let invalid = || {
        Failure::Invalid("a size is bytes below 2^64, with optional K, M, G or T", Word::new(text))
    };
    let bytes = size::parse(text).ok_or_else(invalid)?;
    let mut naming = Naming {
        // Names that are valid fit.
        name: options.name.unwrap_or_default().try_into().unwrap_or_default(),
        replace: options.replace,
    };
    call.service.check_name(&naming)?;
    let request = call.request(bytes, options)?;

    if is_sliced(&request) {
        let then = Then::Publish { naming, text: Word::new(text), soft: options.soft };
        let Some(then) = call.service.send_to_allocate(call.session, request, then) else {
            return Ok(());
        };
        let Then::Publish { naming: here, .. } = then else { return Ok(()) };
        naming = here;
    }
    let service = &mut *call.service;
    let refused = |error| Failure::Allocate(error, Word::new(text));
    let region = service.vm.allocate(&request).map_err(refused)?;
    let info = region.info();
    service.ledger.insert(&mut call.session.regions, region.into_raw(), service.now_us);

    if is_sliced(&request) {
        call.session.job = Some(Job::Zero(Zeroing::new(info, naming)));
        return Ok(());
    }
    publish(service, call.session, &info, &naming, call.reply)
}

impl<M: Machine> Call<'_, '_, M> {
    /// What the library is asked for. A region with a name belongs to nobody.
    fn request(&self, bytes: u64, options: &Options<'_>) -> Result<Request, Failure> {
        let owner = if options.name.is_some() { 0 } else { self.session.number };
        let mut request =
            Request::try_new(bytes)?.caller(CLIENT).owner(owner).protection(options.protection);
        if let Some(align) = options.align {
            request = request.align(align)?;
        }
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

fn is_sliced(request: &Request) -> bool {
    Zeroing::is_worth(request.pages().get())
}

impl<M: Machine> Service<M> {
    /// Whether the name can be given now.
    fn check_name(&self, naming: &Naming) -> Result<(), Failure> {
        if naming.name.is_empty() {
            return Ok(());
        }
        match self.names.find(&naming.name) {
            Some(index) if !naming.replace => match self.names.id(index) {
                Some(id) => Err(Failure::Exists(self.place(id))),
                None => Ok(()),
            },
            Some(_) => Ok(()),
            None if self.names.is_full() => Err(Failure::Quota("names", self.names.limit())),
            None => Ok(()),
        }
    }
}

/// Gives a zeroed region to its client: names it, frees what had the name before, and replies.
///
/// # Errors
///
/// The name was taken meanwhile; the region is freed.
pub(super) fn publish<M: Machine>(
    service: &mut Service<M>,
    session: &mut Session,
    info: &RegionInfo,
    naming: &Naming,
    reply: &mut Reply<'_>,
) -> Result<(), Failure> {
    if let Err(failure) = service.check_name(naming) {
        // Nobody else knows the id yet, so nobody keeps it from being freed.
        let _ = service.release(&mut session.regions, info.id);
        return Err(failure);
    }
    if !naming.name.is_empty() {
        service.name(session, info, naming);
    }
    service.ledger.set_ready(info.id);
    reply.array(3);
    reply.integer(info.id.get());
    reply.bulk_of(format_args!("{:#x}", info.range.address()));
    reply.integer(info.range.count().bytes());
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Frees a region that has lost its name, a large one elsewhere and later.
    fn replaced(&mut self, list: &mut List, old: RegionId) {
        if self.vm.info(old).is_ok_and(|info| self.is_freed_away(&info)) {
            self.ledger.hand_over(&mut self.orphans, old);
            return;
        }
        // What is gone need not be freed, and nobody changes regions during a request.
        let _ = self.release(list, old);
    }

    /// Gives a name that was checked, and frees the region that had it.
    fn name(&mut self, session: &mut Session, info: &RegionInfo, naming: &Naming) {
        let list = &mut session.regions;
        match self.names.find(&naming.name) {
            Some(index) => {
                let old = self.names.id(index);
                self.names.set_id(index, info.id);
                self.ledger.set_name(list, info.id, index);
                if let Some(old) = old {
                    self.ledger.clear_name(old);
                    self.replaced(list, old);
                }
            }
            None => {
                if let Some(index) = self.names.insert(&naming.name, info.id) {
                    self.ledger.set_name(list, info.id, index);
                }
            }
        }
    }
}
