//! The context of a handler while it serves a request, and its result.

use vmalloc::{Machine, RegionId, RegionInfo};

use super::failure::{Failure, Word};
use super::parse::size;
use super::parts::Parts;
use super::session::Session;
use super::store::{Demand, Store};
use super::workers::Budget;
use crate::resp::{self, Arguments, Reply};

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Call<'a, 'r, M: Machine + 'static> {
    /// The parts of the service.
    pub(super) parts: &'a mut Parts<M>,
    /// The session of the connection.
    pub(super) session: &'a mut Session,
    /// The command's name and its arguments.
    pub(super) arguments: Arguments<'a>,
    /// The output for the reply.
    pub(super) reply: &'a mut Reply<'r>,
    /// Maximum bytes of a reply: [`Parts::reply_bytes_max`].
    pub(super) reply_bytes_max: usize,
}

/// The state of commands that never keep a state.
#[derive(Debug)]
pub(super) enum Never {}

/// The result of a handler. `S` is the state of a command that outlives its turn.
#[derive(Debug)]
pub(super) enum Begun<S> {
    /// The reply is complete.
    Answered,
    /// The request must wait, with the state that it has reached, if any. It stays in the input and
    /// is retried when an operation on an AP ends or another session makes progress.
    Wait(Option<S>),
    /// One slice is done. The request stays in the input and continues from the state in a later
    /// turn.
    Again(S),
    /// The reply has overflowed the output. The request continues from the state with more room.
    Overflowed(S),
    /// The request is consumed, and its reply comes later. The state is stepped until then.
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
    /// Returns the [`Progress`] of a handler's result. If the result contains a state of the command, the state
    /// is converted with `wrap` and stored in `kept`; otherwise `kept` is unchanged.
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

/// The result of one step of a running command.
#[derive(Debug)]
pub(super) enum Stepped<S> {
    /// No work was done. The state waits for an AP, another session, or the budget of a later turn.
    Waiting(S),
    /// One slice is done.
    Progressed(S),
    /// The preparation is complete. The request is resumed with the state, or starts over without
    /// one.
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

/// The context of a running command while it is stepped.
#[derive(Debug)]
pub(super) struct Step<'a, 'r, M: Machine + 'static> {
    /// The parts of the service.
    pub(super) parts: &'a mut Parts<M>,
    /// The session of the connection.
    pub(super) session: &'a mut Session,
    /// The output for the reply.
    pub(super) reply: &'a mut Reply<'r>,
    /// The remaining budget of the turn for sliced work.
    pub(super) budget: &'a mut Budget,
}

impl<M: Machine> Step<'_, '_, M> {
    /// Returns whether a slice of work may be done now.
    pub(super) fn can_slice(&self) -> bool {
        self.can_grow() && !self.parts.workers.exclude(self.session.owner.number)
    }

    /// Returns whether a slice of growth may be done now. A growth continues during a transaction
    /// of another session, because that session may wait for its end.
    pub(super) fn can_grow(&self) -> bool {
        !(self.budget.is_spent() || self.parts.workers.is_checking)
    }
}

impl<'a, M: Machine> Call<'a, '_, M> {
    /// Returns the store.
    pub(super) fn store(&mut self) -> &mut Store<M> {
        &mut self.parts.store
    }

    /// Finds a region that the session may use.
    pub(super) fn region(&self, text: &[u8]) -> Result<RegionInfo, Failure> {
        self.parts.store.region(self.session.owner, text)
    }

    /// Returns whether the region is being sent to a client, so that it must not change now.
    pub(super) fn is_read(&mut self, id: RegionId) -> bool {
        self.parts.store.is_read(self.session.owner, id)
    }

    /// Reserves the share of a request in the limits. From then on the request is in flight.
    pub(super) fn reserve(&mut self, demand: &Demand) -> Result<(), Failure> {
        debug_assert!(self.session.reservation.is_none(), "a session has one request in flight");
        self.session.reservation = Some(self.parts.store.reserve(demand)?);
        Ok(())
    }

    /// Returns an argument. The arity check guarantees the required ones; an absent argument is
    /// empty.
    pub(super) fn argument(&self, index: usize) -> &'a [u8] {
        self.arguments.get(index).unwrap_or_default()
    }

    /// Returns whether the reply exceeds its limit.
    pub(super) fn exceeds_limit(&self) -> bool {
        self.reply.length() > self.reply_bytes_max
    }

    /// Refuses a report with too many rows for a reply, before any row is written.
    pub(super) fn check_length(
        &self,
        rows: u64,
        row_bytes_min: u64,
        hint: &'static str,
    ) -> Result<(), Failure> {
        let is_too_long = rows.saturating_mul(row_bytes_min) > self.reply_bytes_max as u64;
        if is_too_long { Err(self.parts.reply_limit(hint)) } else { Ok(()) }
    }

    /// Parses a decimal number.
    pub(super) fn number(&self, index: usize, what: &'static str) -> Result<u64, Failure> {
        let text = self.argument(index);
        resp::decimal(text).ok_or_else(|| Failure::Invalid(what, Word::new(text)))
    }

    /// Parses a number of bytes.
    pub(super) fn size(&self, index: usize, what: &'static str) -> Result<u64, Failure> {
        let text = self.argument(index);
        size::parse(text).ok_or_else(|| Failure::Invalid(what, Word::new(text)))
    }
}
