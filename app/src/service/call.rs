//! A request while it is served: what a handler is given, and what it returns.

use vmalloc::{Machine, RegionId, RegionInfo};

use super::failure::{Failure, Word};
use super::parse::size;
use super::parts::Parts;
use super::session::Session;
use super::store::{Demand, Store};
use super::workers::Budget;
use crate::resp::{self, Arguments, Reply};

/// A request being served.
#[derive(Debug)]
pub(super) struct Call<'a, 'r, M: Machine + 'static> {
    /// The parts of the service.
    pub(super) parts: &'a mut Parts<M>,
    /// The session of the connection.
    pub(super) session: &'a mut Session,
    /// The command's name and its arguments.
    pub(super) arguments: Arguments<'a>,
    /// Where the answer goes.
    pub(super) reply: &'a mut Reply<'r>,
    /// Bytes that a reply may have: [`Parts::reply_bytes_max`].
    pub(super) reply_bytes_max: usize,
}

/// The state of commands that never leave one.
#[derive(Debug)]
pub(super) enum Never {}

/// What a handler has done with a request. `S` is the state of a command that outlives its turn.
#[derive(Debug)]
pub(super) enum Begun<S> {
    /// The reply is complete.
    Answered,
    /// Nothing was done yet, or as much as the state says: the request stays in the input, and is served
    /// again when an AP or another session has got on.
    Wait(Option<S>),
    /// A slice was done: the request stays in the input, and is served again in a further turn with the state.
    Again(S),
    /// The reply has overflowed the output: the request is served again with more room and the state.
    Overflowed(S),
    /// The request is complete, and its reply comes later: the state is stepped until then.
    Pending(S),
}

/// The progress of a request, apart from the state of its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// See [`Begun::Answered`].
    Answered,
    /// See [`Begun::Wait`].
    Wait,
    /// See [`Begun::Again`].
    Again,
    /// See [`Begun::Overflowed`].
    Overflowed,
    /// See [`Begun::Pending`].
    Pending,
}

impl<S> Begun<S> {
    /// Keeps the state, if there is one, and returns the progress.
    #[inline]
    pub(super) fn keep<T>(self, kept: &mut Option<T>, wrap: impl FnOnce(S) -> T) -> Progress {
        let (state, progress) = match self {
            Self::Answered => return Progress::Answered,
            Self::Wait(None) => return Progress::Wait,
            Self::Wait(Some(state)) => (state, Progress::Wait),
            Self::Again(state) => (state, Progress::Again),
            Self::Overflowed(state) => (state, Progress::Overflowed),
            Self::Pending(state) => (state, Progress::Pending),
        };
        *kept = Some(wrap(state));
        progress
    }
}

/// What a step of a running command has done.
#[derive(Debug)]
pub(super) enum Stepped<S> {
    /// Nothing: the state waits for an AP, another session, or the budget of a further turn.
    Waiting(S),
    /// A slice.
    Progressed(S),
    /// All that had to come first: the request is served again, with a state or from its beginning.
    Ready(Option<S>),
    /// The reply is complete.
    Answered,
}

impl<S> Stepped<S> {
    /// Converts the state.
    pub(super) fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Stepped<T> {
        match self {
            Self::Waiting(state) => Stepped::Waiting(wrap(state)),
            Self::Progressed(state) => Stepped::Progressed(wrap(state)),
            Self::Ready(state) => Stepped::Ready(state.map(wrap)),
            Self::Answered => Stepped::Answered,
        }
    }
}

/// A running command while it is stepped.
#[derive(Debug)]
pub(super) struct Step<'a, 'r, M: Machine + 'static> {
    /// The parts of the service.
    pub(super) parts: &'a mut Parts<M>,
    /// The session of the connection.
    pub(super) session: &'a mut Session,
    /// Where the answer goes.
    pub(super) reply: &'a mut Reply<'r>,
    /// What is left of the turn's sliced work.
    pub(super) budget: &'a mut Budget,
}

impl<M: Machine> Step<'_, '_, M> {
    /// Returns whether a slice may be done now.
    pub(super) fn can_slice(&self) -> bool {
        self.can_grow() && !self.parts.workers.exclude(self.session.owner.number)
    }

    /// Returns whether a region that grows may be worked at now. A transaction of another session may wait for
    /// the end of a growth, so growth goes on during one.
    pub(super) fn can_grow(&self) -> bool {
        !(self.budget.is_spent() || self.parts.workers.is_checking)
    }
}

impl<'a, M: Machine> Call<'a, '_, M> {
    /// The window and its notes.
    pub(super) fn store(&mut self) -> &mut Store<M> {
        &mut self.parts.store
    }

    /// Finds a region that the session may use.
    pub(super) fn region(&self, text: &[u8]) -> Result<RegionInfo, Failure> {
        self.parts.store.region(self.session.owner, text)
    }

    /// Returns whether the region is being sent to a client, so that nothing may change it now.
    pub(super) fn is_read(&mut self, id: RegionId) -> bool {
        self.parts.store.is_read(self.session.owner, id)
    }

    /// Counts a demand from now on: the request is in flight.
    pub(super) fn reserve(&mut self, demand: &Demand) -> Result<(), Failure> {
        debug_assert!(self.session.reservation.is_none(), "a session has one request in flight");
        self.session.reservation = Some(self.parts.store.reserve(demand)?);
        Ok(())
    }

    /// An argument; its presence was checked with the arity, an absent one is empty.
    pub(super) fn argument(&self, index: usize) -> &'a [u8] {
        self.arguments.get(index).unwrap_or_default()
    }

    /// Returns whether the reply is already larger than it may be.
    pub(super) fn exceeds_limit(&self) -> bool {
        self.reply.length() > self.reply_bytes_max
    }

    /// Refuses a report whose rows cannot fit into a reply, before any of them is made.
    pub(super) fn check_length(
        &self,
        rows: u64,
        row_bytes_min: u64,
        hint: &'static str,
    ) -> Result<(), Failure> {
        let is_too_long = rows.saturating_mul(row_bytes_min) > self.reply_bytes_max as u64;
        if is_too_long { Err(self.parts.reply_limit(hint)) } else { Ok(()) }
    }

    /// Reads a plain number.
    pub(super) fn number(&self, index: usize, what: &'static str) -> Result<u64, Failure> {
        let text = self.argument(index);
        resp::decimal(text).ok_or_else(|| Failure::Invalid(what, Word::new(text)))
    }

    /// Reads a number of bytes.
    pub(super) fn size(&self, index: usize, what: &'static str) -> Result<u64, Failure> {
        let text = self.argument(index);
        size::parse(text).ok_or_else(|| Failure::Invalid(what, Word::new(text)))
    }
}
