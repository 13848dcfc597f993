//! What a connection waits for while another CPU does it, and what follows.

use vmalloc::{Machine, RegionError, RegionId, RegionInfo, Request};

use super::Service;
use super::audit;
use super::errand::{Errand, Outcome, Ticket};
use super::failure::{Failure, Word};
use super::job::Job;
use super::ledger::State;
use super::naming::{KeptName, Naming};
use super::reservation::Reservation;
use super::resize::After;
use super::session::Session;
use crate::resp::Reply;

/// Regions with more pages are better freed elsewhere: this CPU would do nothing else for too long.
const FREE_PAGES: u64 = 4096;

/// Frames that are cleared in one errand.
const FILL_FRAMES: u64 = 256;
/// The most cleared frames that are kept: 16 MiB, or this part of all.
const FILLED_FRAMES_MAX: u64 = 4096;
const FILLED_PART: u64 = 64;

/// What follows when an errand is done.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one per connection, and the heap is for what stays")]
pub(super) enum Then {
    /// The region is given to the client.
    Publish {
        /// How it is called.
        naming: Naming<KeptName>,
        /// Its size, as the client wrote it.
        text: Word,
        /// Whether a lack is a null.
        soft: bool,
    },
    /// The client is told that the region is free. It was forgotten when somebody was sent: from
    /// then on its slot may be another's at any time.
    Answer(RegionId),
    /// The region may be used again, with its new size.
    Resized(RegionId, After),
    /// The region may be used again, with its new rights.
    Protected(RegionId),
    /// The client is told what the audit found.
    Tell {
        /// When it began.
        start_us: u64,
    },
    /// The client is told what was released.
    Count,
}

/// An errand whose session has ended. The reservation of the session counts until the
/// errand is done: until then the errand holds memory.
#[derive(Debug)]
pub(super) struct Abandoned {
    pub(super) ticket: Ticket,
    pub(super) then: Then,
    pub(super) reservation: Option<Reservation>,
}

/// Errands that no connection waits for.
#[derive(Debug, Default)]
pub(super) struct Chores {
    /// A purge, or the clearing of frames.
    tidying: Option<Ticket>,
    /// A region of a connection that has gone.
    freeing: Option<(Ticket, RegionId)>,
}

impl<M: Machine> Service<M> {
    /// Whether a region is better freed elsewhere, and somebody could be sent.
    pub(super) fn is_freed_away(&self, info: &RegionInfo) -> bool {
        self.is_long_free(info.range.count().get())
    }

    /// Whether the freeing of so many pages is better done elsewhere.
    pub(super) fn is_long_free(&self, pages: u64) -> bool {
        self.errands.can_be_sent() && pages > FREE_PAGES
    }

    /// Sends somebody for a session; false if it must wait until somebody has time, and be asked
    /// again.
    pub(super) fn send(&mut self, session: &mut Session, errand: Errand, then: Then) -> bool {
        let ticket = if self.is_held_for_another(session) {
            None
        } else {
            self.errands.send(self.vm, errand)
        };
        let is_sent = ticket.is_some();
        session.job = Some(ticket.map_or(Job::Wait, |ticket| Job::Away(ticket, then)));
        is_sent
    }

    /// Sends somebody to allocate, unless all are busy and the region is small enough to be zeroed
    /// here in slices: then returns what follows.
    pub(super) fn send_to_allocate(
        &mut self,
        session: &mut Session,
        request: Request,
        then: Then,
    ) -> Option<Then> {
        let pages = request.pages().get();
        let is_free = !self.is_held_for_another(session);
        let errand = Errand::Allocate(request.zeroed());
        match is_free.then(|| self.errands.send(self.vm, errand)).flatten() {
            Some(ticket) => session.job = Some(Job::Away(ticket, then)),
            None if self.errands.can_be_sent() && pages > FREE_PAGES => {
                session.job = Some(Job::Wait);
            }
            None => return Some(then),
        }
        None
    }

    /// Whether another session waits until nobody is under way.
    fn is_held_for_another(&self, session: &Session) -> bool {
        self.held_for.is_some_and(|number| number != session.number)
    }

    /// Whether nobody is under way; if somebody is, nobody else is sent before this session has
    /// had its turn.
    pub(super) fn hold(&mut self, session: &mut Session) -> bool {
        if self.is_held_for_another(session) || !self.errands.is_idle() {
            self.held_for = self.held_for.or(Some(session.number));
            session.job = Some(Job::Wait);
            return false;
        }
        self.held_for = None;
        true
    }

    /// Does what follows an errand.
    pub(super) fn follow(
        &mut self,
        session: &mut Session,
        then: Then,
        outcome: Outcome,
        reply: &mut Reply<'_>,
    ) {
        let result = match (then, outcome) {
            (Then::Publish { naming, .. }, Outcome::Allocated(Ok(info))) => {
                let list = self.ledger.of_place(session.place);
                self.note_in_flight(list, &info);
                self.publish(session, &info, &naming, reply)
            }
            (Then::Publish { text, soft, .. }, Outcome::Allocated(Err(error))) => {
                match Failure::Allocate(error, text) {
                    failure if soft && failure.is_capacity() => {
                        reply.null_array();
                        Ok(())
                    }
                    failure => Err(failure),
                }
            }
            (Then::Answer(id), Outcome::Freed(result)) => {
                self.freed(id, result);
                reply.integer(1);
                Ok(())
            }
            (Then::Resized(id, after), Outcome::Resized(result)) => {
                self.resized(session, id, result, after, reply);
                Ok(())
            }
            (Then::Protected(id), Outcome::Protected(result)) => {
                self.change_ended(id);
                result.map_err(Failure::from).map(|()| reply.status("OK"))
            }
            (Then::Tell { start_us }, Outcome::Checked(audit)) => {
                self.is_checking = false;
                let us = self.clock.map_or(0, |clock| clock().saturating_sub(start_us));
                audit::tell(self, &audit, us, reply);
                Ok(())
            }
            (Then::Count, Outcome::Purged(purged)) => {
                audit::count(&purged, reply);
                Ok(())
            }
            (then, outcome) => unreachable!("{outcome:?} is no answer for {then:?}"),
        };
        self.answer(result, reply);
    }

    /// Lets a region be used that was changed, unless its owner has given it up meanwhile.
    pub(super) fn change_ended(&mut self, id: RegionId) {
        if self.ledger.state(id) == Some(State::Changing) {
            self.ledger.set_state(id, State::Ready);
        }
    }

    /// Takes note of a region that was freed elsewhere. One that was being changed is nobody's by
    /// now, and is freed later.
    fn freed(&mut self, id: RegionId, result: Result<RegionInfo, RegionError>) {
        if let Err(RegionError::Changing { .. }) = result {
            self.ledger.insert(self.ledger.orphans(), id, 0, self.now_us);
        }
    }

    /// Goes on with an errand whose session has ended: its regions are orphans. The errand back if it
    /// is still under way.
    fn abandon(&mut self, abandoned: Abandoned) -> Option<Abandoned> {
        let Abandoned { ticket, then, reservation } = abandoned;
        let outcome = match self.errands.fetch(ticket) {
            Ok(outcome) => outcome,
            Err(ticket) => return Some(Abandoned { ticket, then, reservation }),
        };
        self.give_back(reservation);
        match (outcome, then) {
            (Outcome::Allocated(Ok(info)), _) => {
                let pages = info.range.count().get();
                self.ledger.insert(self.ledger.orphans(), info.id, pages, self.now_us);
            }
            (Outcome::Freed(result), Then::Answer(id)) => self.freed(id, result),
            (Outcome::Resized(result), Then::Resized(id, _)) => {
                if let Ok((info, _)) = result {
                    self.ledger.set_pages(id, info.range.count().get());
                }
                self.change_ended(id);
            }
            (_, Then::Protected(id)) => self.change_ended(id),
            (Outcome::Checked(_), _) => self.is_checking = false,
            _ => {}
        }
        None
    }

    /// Fetches what nobody waits for. Returns whether anything was done.
    pub fn collect(&mut self) -> bool {
        let before = self.errands.is_idle();
        if let Some(ticket) = self.chores.tidying.take() {
            self.chores.tidying = self.errands.fetch(ticket).err();
        }
        if let Some((ticket, id)) = self.chores.freeing.take() {
            match self.errands.fetch(ticket) {
                Err(ticket) => self.chores.freeing = Some((ticket, id)),
                Ok(Outcome::Freed(result)) => self.freed(id, result),
                Ok(other) => unreachable!("{other:?} is no answer for a region to be freed"),
            }
        }
        for _ in 0..self.abandoned.len() {
            let abandoned = self.abandoned.remove(0);
            let rest = self.abandon(abandoned);
            self.abandoned.extend(rest);
        }
        self.assert_given_back();
        before != self.errands.is_idle()
    }

    /// Sends somebody to free an orphan. Returns whether that was done.
    pub(super) fn send_to_free(&mut self, id: RegionId) -> bool {
        if self.held_for.is_some() || self.chores.freeing.is_some() {
            return false;
        }
        let Some(ticket) = self.errands.send(self.vm, Errand::Free(id)) else { return false };
        self.forget(id);
        self.chores.freeing = Some((ticket, id));
        true
    }

    /// Does what can be done while nobody asks for anything: releases what waits for a flush, then
    /// clears frames ahead of time on another CPU. Returns whether there is more.
    pub fn tidy(&mut self) -> bool {
        if self.is_checking || self.held_for.is_some() || self.chores.tidying.is_some() {
            return false;
        }
        if !self.errands.can_be_sent() {
            self.vm.purge();
            return false;
        }
        let stats = self.vm.stats();
        let filled = (stats.frames_total / FILLED_PART).min(FILLED_FRAMES_MAX);
        let errand = if stats.pages_lazy > 0 {
            Errand::Purge { everything: false }
        } else if stats.frames_zeroed + FILL_FRAMES <= filled {
            Errand::Fill(FILL_FRAMES)
        } else {
            return false;
        };
        self.chores.tidying = self.errands.send(self.vm, errand);
        true
    }
}
