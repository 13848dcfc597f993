//! The settings and the state of one connection, except the state of its running command.

use super::owner::Owner;
use super::reply_mode::ReplyMode;
use super::store::{Reservation, StreamedReply};

/// The version that is reported to clients: the Redis version whose wording replies follow.
pub(super) const REDIS_VERSION: &str = "7.0.15";

/// The progress of a session's transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transaction {
    /// The session is not in a transaction.
    #[default]
    None,
    /// Requests are queued.
    Open,
    /// Requests are queued, and one of them was refused, so `EXEC` will fail.
    Failed,
    /// The queued requests are being served.
    Running,
}

/// The settings and the state of one connection in the service.
#[derive(Debug)]
pub struct Session {
    /// The number of the connection, and its place in the client list and the ledger.
    pub(super) owner: Owner,
    /// The reservation of the request in flight.
    pub(super) reservation: Option<Reservation>,
    /// The progress of the transaction.
    pub(super) transaction: Transaction,
    /// The number of queued requests.
    pub(super) queued: usize,
    /// The streamed reply, while bytes of it are left to copy.
    pub(super) streamed: Option<StreamedReply>,
    /// Whether the connection uses version 3 of the protocol.
    pub(super) is_resp3: bool,
    /// Whether the client has sent the password.
    pub(super) is_authenticated: bool,
    /// The replies that the client wants.
    pub(super) reply_mode: ReplyMode,
    is_closing: bool,
}

impl Session {
    /// Creates the session of a place in the client list. It must be [begun](Self::begin) before
    /// use.
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

    /// Begins the session of the connection `number`, after the previous session of this place has
    /// ended. `number` must not be 0.
    pub(super) fn begin(&mut self, number: u64) {
        debug_assert!(self.reservation.is_none(), "the last session gave back what it reserved");
        *self = Self::new(self.owner.place);
        self.owner.number = number;
    }

    /// Returns the number of the connection, as `CLIENT LIST` shows it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.owner.number
    }

    /// Returns whether bytes of the last reply are left to copy.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.streamed.is_some()
    }

    /// Returns when the peer must have read the whole streamed reply, in microseconds since boot.
    #[must_use]
    pub fn stream_deadline_us(&self) -> Option<u64> {
        self.streamed.as_ref().map(|streamed| streamed.deadline_us)
    }

    /// Returns whether the connection is to be closed after its replies are sent. A running
    /// transaction is completed first.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing && !self.is_executing()
    }

    /// Requests the end of the connection.
    pub fn close(&mut self) {
        self.is_closing = true;
    }

    /// Returns whether replies use version 3 of the protocol.
    #[must_use]
    pub fn is_resp3(&self) -> bool {
        self.is_resp3
    }

    /// Returns whether the reply of the current request is suppressed.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        self.reply_mode.is_suppressed()
    }

    /// Ends a request. Its bytes were consumed, and its reply is complete.
    pub fn end_request(&mut self) {
        self.reply_mode.end_request();
    }

    /// Begins the next request of a transaction. As in Redis, its reply is dropped if an earlier
    /// request of the transaction, such as `QUIT`, has requested the end of the connection.
    pub fn begin_queued(&mut self) {
        if self.is_closing {
            self.reply_mode.turn_off();
        }
    }

    /// Returns whether requests of the session are queued.
    #[must_use]
    pub fn is_queuing(&self) -> bool {
        matches!(self.transaction, Transaction::Open | Transaction::Failed)
    }

    /// Returns whether the queued requests are being served.
    #[must_use]
    pub fn is_executing(&self) -> bool {
        self.transaction == Transaction::Running
    }

    /// Returns whether the session is in a transaction.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.transaction != Transaction::None
    }

    /// Returns the number of queued requests, if the session is in a transaction.
    pub(super) fn queued_in_transaction(&self) -> Option<usize> {
        self.is_in_transaction().then_some(self.queued)
    }

    /// Counts a request that was queued.
    pub fn note_queued(&mut self) {
        self.queued += 1;
    }

    /// Records that a request could not be queued, so that `EXEC` fails.
    pub fn fail_transaction(&mut self) {
        self.transaction = Transaction::Failed;
    }
}
