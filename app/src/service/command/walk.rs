//! Requests with many arguments, or about all names, which are served in slices, one slice per
//! turn.

use vmalloc::Machine;

use crate::resp::ArgumentCursor;
use crate::service::call::{Begun, Call};
use crate::service::failure::Failure;
use crate::service::owner::Owner;
use crate::service::store::names::NameIndex;
use crate::service::store::{LINE_END, Store};

/// Work in one turn, in pages: an argument or a name counts as one page, plus the pages freed for
/// it.
pub(super) const SLICE: u64 = 256;

/// Maximum bytes of a reply that is written in one piece; an empty output has room for it.
pub(super) const AT_ONCE_BYTES_MAX: usize = 32 << 10;

/// The position at which an incomplete request continues. Its bytes stay in the input.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Walk {
    pub(super) next: ArgumentCursor,
    /// Completed passes over the arguments.
    pub(super) passes: u32,
    pub(super) total: u64,
}

impl Walk {
    /// Starts at an argument.
    pub(super) fn from(next: ArgumentCursor) -> Self {
        Self { next, passes: 0, total: 0 }
    }
}

/// The progress of a walk.
#[derive(Debug)]
pub(super) enum Walked {
    /// All arguments were visited; the number counted.
    Done(u64),
    /// The rest is left for later turns.
    Again(Walk),
}

/// The number of the name at which a request about all names continues.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct NameWalk(u32);

/// The outcome of the visit of one argument.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Visit {
    /// Whether the argument adds to the total.
    pub(super) counted: bool,
    /// Pages that the visit touched.
    pub(super) pages: u64,
}

impl<M: Machine> Call<'_, '_, M> {
    /// Replies with an argument. A long one is sent piece by piece as the client reads it, and the
    /// request stays in the input until then. In a transaction replies are collected, so there the
    /// argument is written in one piece.
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
        // The total is at most the length, which is a `usize`.
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

    /// Visits each argument from number `first` on, in each of `passes` passes.
    ///
    /// Other requests are served in between, so a visit must not rely on earlier visits.
    ///
    /// # Errors
    ///
    /// The error of the first visit that fails, which ends the walk.
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

    /// Visits the number of each name, in use or not. A visit returns how many pages it touched.
    /// Returns where the walk continues, if not all names were visited.
    ///
    /// Other requests are served in between; a name that they create may be visited or not.
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
