//! Slices of requests with many arguments and of requests about all names. Each turn serves one
//! slice.

use vmalloc::Access;

use crate::resp::ArgumentCursor;
use crate::service::call::{Begun, Call};
use crate::service::failure::Failure;
use crate::service::owner::Owner;
use crate::service::store::names::NameIndex;
use crate::service::store::{LINE_END, Store};

/// The work of one slice in pages: each argument or name counts as one page, plus the pages that
/// are freed for it.
pub(super) const SLICE: u64 = 256;

/// Maximum length of a reply that is written in one piece, in bytes. It fits into an empty output.
pub(super) const AT_ONCE_BYTES_MAX: usize = 32 << 10;

/// The position at which an incomplete request continues. The request stays in the input of its
/// connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Walk {
    pub(super) next: ArgumentCursor,
    /// The number of completed passes over the arguments.
    pub(super) passes: u32,
    pub(super) total: u64,
}

impl Walk {
    /// Creates a walk that starts at the argument `next`.
    pub(super) fn from(next: ArgumentCursor) -> Self {
        Self { next, passes: 0, total: 0 }
    }
}

/// The result of one slice of a walk.
#[derive(Debug)]
pub(super) enum Walked {
    /// All arguments were visited. The field is the number of visits that were counted.
    Done(u64),
    /// Arguments are left for later turns. The field is the position of the next one.
    Again(Walk),
}

/// The index of the name at which a request about all names continues.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct NameWalk(u32);

/// The result of visiting one argument.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Visit {
    /// Whether the visit adds to the count that the walk returns.
    pub(super) counted: bool,
    /// The number of pages that the visit touched.
    pub(super) pages: u64,
}

impl<M: Access> Call<'_, '_, M> {
    /// Replies with the argument at `index`. A long argument is sent piece by piece as the client
    /// reads the reply, and the request stays in the input until the last piece. In a transaction,
    /// replies are collected, so the argument is written in one piece.
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
        // The total is at most the length of the argument, which is a `usize`.
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

    /// Visits the arguments from number `first` on, `passes` times.
    ///
    /// Other requests are served between two slices, so a visit must not rely on the results of
    /// earlier visits.
    ///
    /// # Errors
    ///
    /// The error of the first visit that fails. It ends the walk.
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

    /// Calls `visit` for each index of the name table, whether a name uses the index or not.
    /// `visit` returns how many pages it touched. Returns the position at which the walk continues,
    /// or `None` at its end.
    ///
    /// Other requests are served between two slices. A name that they add may be visited or not.
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
