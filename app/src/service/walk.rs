//! Requests with many arguments, or about all names: they are worked at in slices, a turn after the other.

use vmalloc::Machine;

use super::Service;
use super::call::Call;
use super::failure::Failure;
use super::job::Job;
use super::names::NameIndex;
use super::session::Session;
use super::streamed::{AT_ONCE_BYTES_MAX, LINE_END};
use crate::resp::ArgumentCursor;

/// Work in one turn, in pages: an argument or a name counts as one, and as many as are freed for it.
pub(super) const SLICE: u64 = 256;

/// Where a request goes on that was not done in one turn. Its bytes stay in the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) next: ArgumentCursor,
    /// Passes over the arguments that are complete.
    pub(super) passes: u32,
    pub(super) total: u64,
}

impl Walk {
    /// Begins at an argument.
    pub(super) fn from(next: ArgumentCursor) -> Self {
        Self { next, passes: 0, total: 0 }
    }
}

/// The outcome of a visit of one argument.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Visit {
    /// Added to the total.
    pub(super) counted: bool,
    /// Pages that were touched.
    pub(super) pages: u64,
}

impl<M: Machine> Call<'_, '_, M> {
    /// Replies with an argument. A long one is sent piece by piece as the client takes it: the request stays
    /// in the input meanwhile. The replies of a transaction are collected, so there it must fit.
    pub(super) fn reply_argument(&mut self, index: usize) {
        let bytes = self.argument(index);
        let is_one_piece = bytes.len() <= AT_ONCE_BYTES_MAX || self.session.is_executing();
        if is_one_piece || self.session.is_suppressed() {
            self.reply.bulk(bytes);
            return;
        }
        let begun = self.session.walk.take();
        let mut walk = begun.unwrap_or(Walk::from(self.arguments.cursor(index)));
        if begun.is_none() {
            self.reply.bulk_header(bytes.len() as u64);
        }
        // Not more than the length, which is a `usize`.
        let done = usize::try_from(walk.total).unwrap_or(bytes.len());
        let room = self.reply.room().saturating_sub(LINE_END.len() as u64);
        let rest = &bytes[done..];
        let piece = &rest[..usize::try_from(room).map_or(rest.len(), |room| room.min(rest.len()))];
        self.reply.raw(piece);
        if piece.len() == rest.len() {
            self.reply.raw(LINE_END);
            return;
        }
        walk.total += piece.len() as u64;
        self.session.walk = Some(walk);
        self.session.job = Some(Job::Continue);
    }

    /// Visits each argument from number `first` on, once in each of so many passes. Returns how many counted,
    /// or `None` where the rest is for the next turns: then the request is served again and goes on from here.
    ///
    /// Other requests are served in between, so a visit must not rely on those before it.
    ///
    /// # Errors
    ///
    /// That of the first visit that fails; it ends the walk.
    pub(super) fn walk(
        &mut self,
        first: usize,
        passes: u32,
        mut visit: impl FnMut(&mut Service<M>, &mut Session, u32, &[u8]) -> Result<Visit, Failure>,
    ) -> Result<Option<u64>, Failure> {
        let start = self.arguments.cursor(first);
        let mut walk = self.session.walk.take().unwrap_or(Walk::from(start));
        let mut left = SLICE;
        while walk.passes < passes {
            while let Some(argument) = self.arguments.next(&mut walk.next) {
                let visit = visit(self.service, self.session, walk.passes, argument)?;
                walk.total += u64::from(visit.counted);
                left = left.saturating_sub(1 + visit.pages);
                if left == 0 {
                    self.session.walk = Some(walk);
                    self.session.job = Some(Job::Continue);
                    return Ok(None);
                }
            }
            walk = Walk { next: start, passes: walk.passes + 1, ..walk };
        }
        Ok(Some(walk.total))
    }

    /// Visits the number of each name, whether it is in use or not; a visit returns how many pages it
    /// touched. Returns whether all were visited; otherwise the request is served again and goes on from here.
    ///
    /// Other requests are served in between: a name that they make may be visited or not.
    pub(super) fn walk_names(
        &mut self,
        mut visit: impl FnMut(&mut Service<M>, NameIndex) -> u64,
    ) -> bool {
        let start = self.session.next_name.take().unwrap_or(1);
        let mut left = SLICE;
        for number in start..self.service.names.end() {
            if left == 0 {
                self.session.next_name = Some(number);
                self.session.job = Some(Job::Continue);
                return false;
            }
            let pages = NameIndex::new(number).map_or(0, |name| visit(self.service, name));
            left = left.saturating_sub(1 + pages);
        }
        true
    }
}
