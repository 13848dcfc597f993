//! Requests with many arguments, or about all names: they are worked at in slices, one slice in a turn.

use vmalloc::Machine;

use crate::resp::ArgumentCursor;
use crate::service::call::{Begun, Call};
use crate::service::failure::Failure;
use crate::service::owner::Owner;
use crate::service::store::names::NameIndex;
use crate::service::store::{LINE_END, Store};

/// Work in one turn, in pages: an argument or a name counts as one, and as many as are freed for it.
pub(super) const SLICE: u64 = 256;

/// Replies up to this size are written at once: they fit into an output that is empty.
pub(super) const AT_ONCE_BYTES_MAX: usize = 32 << 10;

/// Where a request goes on that was not done in one turn. Its bytes stay in the input.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Walk {
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

/// How far a walk has come.
#[derive(Debug)]
pub(super) enum Walked {
    /// All arguments were visited; so many counted.
    Done(u64),
    /// The rest is for further turns.
    Again(Walk),
}

/// The name at which a request about all names goes on.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct NameWalk(u32);

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
    /// in the input until then. The replies of a transaction are collected, so there it must fit.
    pub(super) fn reply_argument(&mut self, resumed: Option<Walk>, index: usize) -> Begun<Walk> {
        let bytes = self.argument(index);
        let is_one_piece = bytes.len() <= AT_ONCE_BYTES_MAX || self.session.is_executing();
        if is_one_piece || self.session.is_suppressed() {
            self.reply.bulk(bytes);
            return Begun::Answered;
        }
        let mut walk = resumed.unwrap_or(Walk::from(self.arguments.cursor(index)));
        if resumed.is_none() {
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
            return Begun::Answered;
        }
        walk.total += piece.len() as u64;
        Begun::Again(walk)
    }

    /// Visits each argument from number `first` on, once in each of `passes` passes.
    ///
    /// Other requests are served in between, so a visit must not rely on those before it.
    ///
    /// # Errors
    ///
    /// That of the first visit that fails; it ends the walk.
    pub(super) fn walk(
        &mut self,
        resumed: Option<Walk>,
        first: usize,
        passes: u32,
        mut visit: impl FnMut(&mut Store<M>, Owner, u32, &[u8]) -> Result<Visit, Failure>,
    ) -> Result<Walked, Failure> {
        let start = self.arguments.cursor(first);
        let mut walk = resumed.unwrap_or(Walk::from(start));
        let mut left = SLICE;
        while walk.passes < passes {
            while let Some(argument) = self.arguments.next(&mut walk.next) {
                let owner = self.session.owner;
                let visit = visit(&mut self.parts.store, owner, walk.passes, argument)?;
                walk.total += u64::from(visit.counted);
                left = left.saturating_sub(1 + visit.pages);
                if left == 0 {
                    return Ok(Walked::Again(walk));
                }
            }
            walk = Walk { next: start, passes: walk.passes + 1, ..walk };
        }
        Ok(Walked::Done(walk.total))
    }

    /// Visits the number of each name, whether it is in use or not; a visit returns how many pages it
    /// touched. Returns where the walk goes on, if not all names were visited.
    ///
    /// Other requests are served in between: a name that they make may be visited or not.
    pub(super) fn walk_names(
        &mut self,
        resumed: Option<NameWalk>,
        mut visit: impl FnMut(&mut Store<M>, NameIndex) -> u64,
    ) -> Option<NameWalk> {
        let start = resumed.map_or(1, |walk| walk.0);
        let mut left = SLICE;
        for number in start..self.parts.store.names.end() {
            if left == 0 {
                return Some(NameWalk(number));
            }
            let pages = NameIndex::new(number).map_or(0, |name| visit(&mut self.parts.store, name));
            left = left.saturating_sub(1 + pages);
        }
        None
    }
}
