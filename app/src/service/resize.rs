//! `VREALLOC`, and the growing of a region that a write needs.

use vmalloc::{
    Machine, PAGE_BYTES, ReallocMode, RegionId, RegionInfo, Resize, ResizeError, Resized,
};

use super::Service;
use super::away::Then;
use super::call::Call;
use super::errand::Errand;
use super::failure::{Failure, Word};
use super::free;
use super::job::{Budget, Job, Zeroing};
use super::ledger::State;
use super::session::Session;
use super::size;
use crate::resp::Reply;

/// What follows a resize that takes longer than its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The client is told.
    Reply,
    /// The request is served again: the region is large enough by then.
    Again,
}

/// A region that has grown, and whose new pages are being zeroed. Nobody may use it meanwhile.
#[derive(Debug)]
pub(super) struct Growth {
    id: RegionId,
    how: Resized,
    /// The next page to be zeroed.
    next: u64,
    /// What it had requested before.
    requested: u64,
    pub(super) after: After,
}

/// `VREALLOC <r> size [MOVE|NOMOVE|COPY] [ZERO]`
pub(super) fn vrealloc<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    let bytes = size::parse(call.argument(2)).ok_or_else(|| size::invalid(call.argument(2)))?;
    let bytes = bytes.min(size::BYTES_MAX);
    let mut wish = Resize::to(bytes);
    for word in call.arguments.iter().skip(3) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        wish = if is("NOMOVE") {
            wish.in_place()
        } else if is("COPY") {
            wish.mode(ReallocMode::Copy)
        } else if is("MOVE") || is("ZERO") {
            // What a client can read is zeroed, always.
            wish
        } else {
            return Err(Failure::Option(Word::new(word)));
        };
    }
    if bytes == 0 {
        call.service.give_up(info.id);
        call.reply.null();
        return Ok(());
    }
    if call.waits_for_readers(info.id) {
        return Ok(());
    }
    let is_copy = call.arguments.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"COPY"));
    let resize = Wish { wish, bytes, is_copy };
    if let Some((info, how)) = call.service.resize(call.session, &info, resize, After::Reply)? {
        tell(&info, how, call.reply);
    }
    Ok(())
}

fn tell(info: &RegionInfo, how: Resized, reply: &mut Reply<'_>) {
    reply.array(4);
    reply.integer(info.id.get());
    reply.bulk_hex(info.range.address().as_u64());
    reply.integer(info.range.count().bytes());
    reply.bulk(how.name().as_bytes());
}

/// A size to come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    wish: Resize,
    bytes: u64,
    is_copy: bool,
}

impl Wish {
    /// At least so many bytes, wherever there is room.
    pub(super) fn to(bytes: u64) -> Self {
        Self { wish: Resize::to(bytes), bytes, is_copy: false }
    }
}

impl<M: Machine> Service<M> {
    /// Resizes a region that the session may use, at once where that is quick. `None` where a job
    /// has been begun: then `after` says what comes when it is done.
    pub(super) fn resize(
        &mut self,
        session: &mut Session,
        info: &RegionInfo,
        wish: Wish,
        after: After,
    ) -> Result<Option<(RegionInfo, Resized)>, Failure> {
        let Wish { wish, bytes, is_copy } = wish;
        let (old, new) = (info.range.count().get(), bytes.div_ceil(PAGE_BYTES));
        let added = new.saturating_sub(old);
        let demand = self.admit_growth(session, info, added)?;
        let is_long = Zeroing::is_worth(added) || is_copy && Zeroing::is_worth(old.min(new));
        if (is_long || self.is_long_free(old.saturating_sub(new))) && self.errands.can_be_sent() {
            let errand = Errand::Resize(info.id, wish.zeroed());
            self.reserve(session, &demand)?;
            if self.send(session, errand, Then::Resized(info.id, after)) {
                self.ledger.set_state(info.id, State::Changing);
            }
            return Ok(None);
        }
        if !Zeroing::is_worth(added) {
            let (info, how) = self.vm.resize(info.id, &wish.zeroed()).map_err(Failure::from)?;
            self.ledger.set_empty(info.id, false);
            self.ledger.set_pages(info.id, info.range.count().get());
            self.touch(info.id);
            return Ok(Some((info, how)));
        }
        // First what is left of its last page, then pages that are zeroed in slices.
        let end = info.range.count().bytes();
        // The library's region of an empty value has one byte, which is zero.
        let held = info.requested.max(1);
        self.vm.resize(info.id, &Resize::to(end).zeroed()).map_err(Failure::from)?;
        match self.vm.resize(info.id, &wish.unzeroed()) {
            Ok((_, how)) => {
                self.ledger.set_pages(info.id, new);
                self.ledger.set_state(info.id, State::Changing);
                let requested = held;
                let growth = Growth { id: info.id, how, next: old, requested, after };
                session.job = Some(Job::Grow(growth));
                Ok(None)
            }
            Err(error) => {
                // As many pages as it has: that cannot fail.
                let _ = self.vm.resize(info.id, &Resize::to(held));
                Err(error.into())
            }
        }
    }

    /// Zeroes a slice of what a region has gained.
    pub(super) fn grow(
        &mut self,
        session: &mut Session,
        mut growth: Growth,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) {
        let step = self.vm.info(growth.id).map_err(Failure::from).and_then(|info| {
            let pages = info.range.count().get();
            let slice = budget.take(pages - growth.next);
            self.zero_pages(growth.id, growth.next, slice)?;
            growth.next += slice;
            Ok((growth.next == pages).then_some(info))
        });
        match step {
            Ok(None) => session.job = Some(Job::Grow(growth)),
            Ok(Some(info)) => {
                let result = Ok((info, growth.how));
                self.resized(session, growth.id, result, growth.after, reply);
            }
            // Its owner has given it up meanwhile.
            Err(failure) => self.resize_failed(session, failure, growth.after, reply),
        }
    }

    /// Takes back a growth whose client has gone: nobody has seen it.
    pub(super) fn undo(&mut self, growth: Growth) {
        let Growth { id, next, requested, .. } = growth;
        let mut pages = requested.div_ceil(PAGE_BYTES);
        if self.vm.resize(id, &Resize::to(requested)).is_err() {
            // No slot for what a shrink gives back: then the region keeps its new size, and is zero.
            pages = self.vm.info(id).map_or(0, |info| info.range.count().get());
            self.ledger.set_empty(id, false);
            let _ = self.zero_pages(id, next, pages.saturating_sub(next));
        }
        self.ledger.set_pages(id, pages);
        self.change_ended(id);
    }

    /// Lets a region be used that was resized, here or elsewhere, and says so.
    pub(super) fn resized(
        &mut self,
        session: &mut Session,
        id: RegionId,
        result: Result<(RegionInfo, Resized), ResizeError>,
        after: After,
        reply: &mut Reply<'_>,
    ) {
        let is_ours = self.ledger.state(id) == Some(State::Changing);
        if let Ok((info, _)) = &result {
            self.ledger.set_pages(id, info.range.count().get());
            self.ledger.set_empty(id, false);
            self.touch(id);
        }
        self.change_ended(id);
        match result {
            _ if !is_ours => self.resize_failed(session, Failure::NotUsable(id), after, reply),
            Err(error) => self.resize_failed(session, error.into(), after, reply),
            Ok((info, how)) if after == After::Reply => tell(&info, how, reply),
            Ok(_) => {}
        }
    }

    /// Says why there was no resize; where a request is to be served again, that is its answer, unless
    /// its region is gone.
    fn resize_failed(
        &mut self,
        session: &mut Session,
        failure: Failure,
        after: After,
        reply: &mut Reply<'_>,
    ) {
        match after {
            After::Reply => self.refuse(&failure, reply),
            After::Again => {
                self.fail_write(session);
                // Another client has freed or replaced the region: the request begins again.
                session.failure = (!free::is_gone(&failure)).then_some(failure);
            }
        }
    }
}
