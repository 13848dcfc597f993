//! One question to servers: its number, and how often it was asked.

use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use super::outgoing::MessageHeader;
use super::random::Random;

/// The messages with one transaction id.
///
/// A DISCOVER that is repeated keeps its id: a server may look for the address for seconds before it offers
/// it, and its offer must still count.
#[derive(Debug)]
pub(super) struct Exchange {
    xid: u32,
    began_at: Instant,
    /// Messages in the present state.
    sent: u32,
    is_asked: bool,
    due: Option<Instant>,
}

impl Exchange {
    /// Takes a new transaction id. The first message is sent at `due`, or never.
    pub(super) fn new(random: &mut Random, now: Instant, due: Option<Instant>) -> Self {
        Self { xid: random.next(), began_at: due.unwrap_or(now), sent: 0, is_asked: false, due }
    }

    /// Goes on with another kind of message, in the same transaction.
    pub(super) fn ask_at(&mut self, due: Instant) {
        self.sent = 0;
        self.due = Some(due);
    }

    /// Counts a message and sets the time of the next one.
    pub(super) fn note_sent(&mut self, next_at: Option<Instant>) {
        self.sent = self.sent.saturating_add(1);
        self.is_asked = true;
        self.due = next_at;
    }

    /// Whether a server can know the transaction id.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Messages in the present state.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    /// The transaction id.
    pub(super) fn xid(&self) -> u32 {
        self.xid
    }

    /// When the next message is to be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a message is to be sent now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// The fields that all messages of the transaction have.
    pub(super) fn header(&self, mac: EthernetAddress, now: Instant) -> MessageHeader {
        let secs = now.total_micros().saturating_sub(self.began_at.total_micros()) / 1_000_000;
        let secs = u16::try_from(secs.max(0)).unwrap_or(u16::MAX);
        MessageHeader { mac, xid: self.xid, secs }
    }
}
