//! The settings of one connection, and what it has in progress besides a running command.

use super::owner::Owner;
use super::reply_mode::ReplyMode;
use super::store::{Reservation, StreamedReply};

/// The version that clients are told: that of the Redis whose wording is followed.
pub(super) const REDIS_VERSION: &str = "7.0.15";

/// The progress of a session's transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transaction {
    /// There is none.
    #[default]
    None,
    /// Requests are queued.
    Open,
    /// Requests are queued, and one could not be.
    Failed,
    /// The queued requests are served.
    Running,
}

/// One connection's settings in the service.
#[derive(Debug)]
pub struct Session {
    /// The number of the connection, and its place in the client list and the ledger.
    pub(super) owner: Owner,
    /// The amounts that its request in flight has taken of the limits.
    pub(super) reservation: Option<Reservation>,
    /// The progress of its transaction.
    pub(super) transaction: Transaction,
    /// Requests that are queued.
    pub(super) queued: usize,
    /// A reply whose bytes are still to be copied.
    pub(super) streamed: Option<StreamedReply>,
    /// Whether it speaks the third version of the protocol.
    pub(super) is_resp3: bool,
    /// Whether it has said the password.
    pub(super) is_authenticated: bool,
    /// Which replies it wants.
    pub(super) reply_mode: ReplyMode,
    is_closing: bool,
}

impl Session {
    /// A session that has not begun, in one of the places for connections.
    pub(super) fn new(place: u32) -> Self {
        Self {
            owner: Owner { number: 0, place },
            reservation: None,
            transaction: Transaction::None,
            queued: 0,
            streamed: None,
            is_resp3: false,
            is_authenticated: false,
            reply_mode: ReplyMode::default(),
            is_closing: false,
        }
    }

    /// Begins, after the last session in this place has ended. No session has the number 0.
    pub(super) fn begin(&mut self, number: u64) {
        debug_assert!(self.reservation.is_none(), "the last session gave back what it reserved");
        *self = Self::new(self.owner.place);
        self.owner.number = number;
    }

    /// The number of the connection, as `CLIENT LIST` shows it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.owner.number
    }

    /// Returns whether bytes of the last reply are still to be copied.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.streamed.is_some()
    }

    /// When the client must have taken the reply that is being streamed.
    #[must_use]
    pub fn stream_deadline_us(&self) -> Option<u64> {
        self.streamed.as_ref().map(|streamed| streamed.deadline_us)
    }

    /// Returns whether the connection is to be closed after its replies were sent. A transaction that runs is
    /// completed first.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing && !self.is_executing()
    }

    /// Asks for the connection to be closed.
    pub fn close(&mut self) {
        self.is_closing = true;
    }

    /// Returns whether replies are written in the third version of the protocol.
    #[must_use]
    pub fn is_resp3(&self) -> bool {
        self.is_resp3
    }

    /// Returns whether the reply of the request that is served is not wanted.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        self.reply_mode.is_suppressed()
    }

    /// Ends a request: its bytes are consumed, and its reply is complete.
    pub fn end_request(&mut self) {
        self.reply_mode.end_request();
    }

    /// Begins with the next request of a transaction. Its reply is dropped if a request before it has
    /// asked for the end of the connection, as in Redis.
    pub fn begin_queued(&mut self) {
        if self.is_closing {
            self.reply_mode.turn_off();
        }
    }

    /// Returns whether its requests are queued.
    #[must_use]
    pub fn is_queuing(&self) -> bool {
        matches!(self.transaction, Transaction::Open | Transaction::Failed)
    }

    /// Returns whether its queued requests are served.
    #[must_use]
    pub fn is_executing(&self) -> bool {
        self.transaction == Transaction::Running
    }

    /// Returns whether it is in a transaction.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.transaction != Transaction::None
    }

    /// Requests that are queued, if it is in a transaction.
    pub(super) fn queued_in_transaction(&self) -> Option<usize> {
        self.is_in_transaction().then_some(self.queued)
    }

    /// Counts a request that was queued.
    pub fn note_queued(&mut self) {
        self.queued += 1;
    }

    /// Notes that a request could not be queued: `EXEC` will fail.
    pub fn fail_transaction(&mut self) {
        self.transaction = Transaction::Failed;
    }
}
