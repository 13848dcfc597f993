//! The context of a handler while it serves a request, and its result.

use vmalloc::{Access, RegionId, RegionInfo};

use super::failure::{Failure, Word};
use super::parse::size;
use super::parts::Parts;
use super::session::Session;
use super::store::{Demand, Store};
use super::workers::Budget;
use crate::resp::{self, Arguments, Reply};

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Call<'a, 'r, M: Access + 'static> {
    /// The parts of the service.
    pub(super) parts: &'a mut Parts<M>,
    /// The session of the connection.
    pub(super) session: &'a mut Session,
    /// The command's name and its arguments.
    pub(super) arguments: Arguments<'a>,
    /// The output for the reply.
    pub(super) reply: &'a mut Reply<'r>,
    /// Maximum length of a reply in bytes, from [`Parts::reply_bytes_max`].
    pub(super) reply_bytes_max: usize,
}

/// The state type of commands that never continue in a later turn. It has no values.
#[derive(Debug)]
pub(super) enum Never {}

/// The result of a handler. `S` is the state with which the command continues in a later turn.
#[derive(Debug)]
pub(super) enum Begun<S> {
    /// The reply is complete.
    Answered,
    /// The request must wait, and stays in the input of its connection. It is retried, with this
    /// state if there is one, when an operation on an AP ends or another session makes progress.
    Wait(Option<S>),
    /// One slice is done. The request stays in the input of its connection and continues from this
    /// state in a later turn.
    Again(S),
    /// The reply has overflowed the output. The request continues from this state with a larger
    /// buffer.
    Overflowed(S),
    /// The request was removed from the input, and its reply is written later. The state is stepped
    /// until then.
    Pending(S),
}

/// The result of a handler without the state of its command.
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
    /// No work was done. The command waits for an AP, for another session, or for the budget of a
    /// later turn.
    Waiting(S),
    /// One slice is done, and more slices are left.
    Progressed(S),
    /// The preparation is complete. The request continues from this state, or starts over if there
    /// is none.
    Ready(Option<S>),
    /// The reply is complete.
    Answered,
}

impl<S> Stepped<S> {
    /// Converts the state with `wrap`.
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
pub(super) struct Step<'a, 'r, M: Access + 'static> {
    /// The parts of the service.
    pub(super) parts: &'a mut Parts<M>,
    /// The session of the connection.
    pub(super) session: &'a mut Session,
    /// The output for the reply.
    pub(super) reply: &'a mut Reply<'r>,
    /// The remaining budget of the turn for sliced work.
    pub(super) budget: &'a mut Budget,
}

impl<M: Access> Step<'_, '_, M> {
    /// Returns whether a slice of work may be done now: the budget is not spent, and no audit and
    /// no transaction of another session is in progress.
    pub(super) fn can_slice(&self) -> bool {
        self.can_grow() && !self.parts.workers.exclude(self.session.owner.number)
    }

    /// Returns whether a slice of a region's growth may be done now. Unlike other slices, growth
    /// continues during the transaction of another session, because that session may wait for the
    /// region.
    pub(super) fn can_grow(&self) -> bool {
        !(self.budget.is_spent() || self.parts.workers.is_checking)
    }
}

impl<'a, M: Access> Call<'a, '_, M> {
    /// Returns the store.
    pub(super) fn store(&mut self) -> &mut Store<M> {
        &mut self.parts.store
    }

    /// Finds a region that the session may use.
    pub(super) fn region(&self, text: &[u8]) -> Result<RegionInfo, Failure> {
        self.parts.store.region(self.session.owner, text)
    }

    /// Returns whether bytes of the region are being sent to a client. If so, the request must wait
    /// before it changes the region.
    pub(super) fn is_read(&mut self, id: RegionId) -> bool {
        self.parts.store.is_read(self.session.owner, id)
    }

    /// Reserves the amounts in `demand` for this request, so that other requests cannot use them.
    /// From then on the request is in flight.
    pub(super) fn reserve(&mut self, demand: &Demand) -> Result<(), Failure> {
        debug_assert!(self.session.reservation.is_none(), "a session has one request in flight");
        self.session.reservation = Some(self.parts.store.reserve(demand)?);
        Ok(())
    }

    /// Returns the argument at `index`, or an empty argument if the request has fewer. Required
    /// arguments are always there: dispatch has checked their number.
    pub(super) fn argument(&self, index: usize) -> &'a [u8] {
        self.arguments.get(index).unwrap_or_default()
    }

    /// Returns whether the reply is longer than its limit.
    pub(super) fn exceeds_limit(&self) -> bool {
        self.reply.length() > self.reply_bytes_max
    }

    /// Refuses a report whose `rows` rows of at least `row_bytes_min` bytes exceed the limit of a
    /// reply. The check comes before any row is written.
    pub(super) fn check_length(
        &self,
        rows: u64,
        row_bytes_min: u64,
        hint: &'static str,
    ) -> Result<(), Failure> {
        let is_too_long = rows.saturating_mul(row_bytes_min) > self.reply_bytes_max as u64;
        if is_too_long { Err(self.parts.reply_limit(hint)) } else { Ok(()) }
    }

    /// Parses the argument at `index` as a decimal number. `what` is the rule for the error.
    pub(super) fn number(&self, index: usize, what: &'static str) -> Result<u64, Failure> {
        let text = self.argument(index);
        resp::decimal(text).ok_or_else(|| Failure::Invalid(what, Word::new(text)))
    }

    /// Parses the argument at `index` as a number of bytes. `what` is the rule for the error.
    pub(super) fn size(&self, index: usize, what: &'static str) -> Result<u64, Failure> {
        let text = self.argument(index);
        size::parse(text).ok_or_else(|| Failure::Invalid(what, Word::new(text)))
    }
}
