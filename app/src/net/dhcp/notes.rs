//! Limits the log lines about DHCP servers: each kind of problem is logged once.

use super::deadlines;
use super::lease::Ignored;
use super::message::ServerMessage;

/// A kind of problem with a DHCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// The server offers or acknowledges an unusable lease.
    Refused,
    /// The server refuses a request with a NAK.
    Nak,
    /// The mask in an acknowledgement is invalid and was ignored.
    Mask,
    /// The routers in an acknowledgement are unusable and were ignored.
    Routers,
    /// The lease is shorter than the minimum and is treated as if it had the minimum duration.
    Short,
}

/// The set of the kinds of problems that were logged. Each kind is one bit.
///
/// A kind is logged again only after a server has acknowledged a lease without problems, so at most once in a few
/// seconds. A server that sends ever different invalid values cannot fill the log, because problems with other values
/// are of the same kind.
#[derive(Debug, Default)]
pub(super) struct Notes(u8);

impl Notes {
    /// Returns whether a problem of this kind must be logged, and marks the kind as logged.
    pub(super) fn is_new(&mut self, note: Note) -> bool {
        let bit = 1 << note as u8;
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }

    /// Logs the problems of an acknowledged lease. If the lease has no problems, all kinds may be logged again.
    pub(super) fn acknowledged(&mut self, message: &ServerMessage<'_>, ignored: Ignored) {
        let server = message.server;
        let least = deadlines::LEASE_SECS_MIN;
        let short = message.lease_secs.filter(|&secs| secs < least);
        if ignored == Ignored::default() && short.is_none() {
            self.0 = 0;
        }
        if ignored.mask && self.is_new(Note::Mask) {
            log::warn!("DHCP server {server} gives a mask that is none, the old one stays");
        }
        if ignored.routers && self.is_new(Note::Routers) {
            log::warn!("DHCP server {server} gives a router that cannot be one, ignored");
        }
        if let Some(secs) = short
            && self.is_new(Note::Short)
        {
            log::warn!("DHCP server {server} gives a lease of {secs} s, treated as {least} s");
        }
    }
}
