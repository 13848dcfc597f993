//! A DHCP transaction: its id, the number of messages sent, and the time of the next message.

use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use super::outgoing::MessageHeader;
use super::random::Random;

/// The state of a transaction.
///
/// A repeated DISCOVER has the same id, because a server may probe an address for seconds before it sends the offer.
/// That offer answers an earlier DISCOVER and must still be accepted.
#[derive(Debug)]
pub(super) struct Exchange {
    xid: u32,
    /// Time at which the first message of the transaction was due.
    began_at: Instant,
    /// Number of messages sent in the current state of the client.
    sent: u32,
    /// Whether a message with this id was sent.
    is_asked: bool,
    /// Time of the next message, or `None` if no message is planned.
    due: Option<Instant>,
}

impl Exchange {
    /// Creates a transaction with a new id. The first message is due at `due`, or never.
    pub(super) fn new(random: &mut Random, now: Instant, due: Option<Instant>) -> Self {
        Self { xid: random.next(), began_at: due.unwrap_or(now), sent: 0, is_asked: false, due }
    }

    /// Continues the transaction in another state of the client, whose first message is due at `due`.
    pub(super) fn ask_at(&mut self, due: Instant) {
        self.sent = 0;
        self.due = Some(due);
    }

    /// Counts a message that was sent, and sets the time of the next one.
    pub(super) fn note_sent(&mut self, next_at: Option<Instant>) {
        self.sent = self.sent.saturating_add(1);
        self.is_asked = true;
        self.due = next_at;
    }

    /// Returns whether a message with this id was sent. Otherwise a message with this id cannot be an answer.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Returns the number of messages sent in the current state of the client.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    /// Returns the transaction id.
    pub(super) fn xid(&self) -> u32 {
        self.xid
    }

    /// Returns the time of the next message, or `None` if no message is planned.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns whether a message must be sent now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Returns the fields that all messages of the transaction have. `mac` is the hardware address of this machine.
    pub(super) fn header(&self, mac: EthernetAddress, now: Instant) -> MessageHeader {
        let secs = now.total_micros().saturating_sub(self.began_at.total_micros()) / 1_000_000;
        let secs = u16::try_from(secs.max(0)).unwrap_or(u16::MAX);
        MessageHeader { mac, xid: self.xid, secs }
    }
}
