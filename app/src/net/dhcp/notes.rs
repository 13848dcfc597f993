//! The problems that were logged.

use super::deadlines;
use super::lease::Ignored;
use super::message::ServerMessage;

/// A kind of problem with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// An unusable offer or lease.
    Refused,
    /// A refused request.
    Nak,
    /// An ignored mask.
    Mask,
    /// Ignored routers.
    Routers,
    /// A lease that was extended to the minimum.
    Short,
}

/// The kinds of problems that were logged, one bit for each.
///
/// A kind is logged again only after a server has acknowledged a lease without problems, at most once in a few seconds.
/// The values do not matter, so a server that sends varying invalid values cannot fill the log.
#[derive(Debug, Default)]
pub(super) struct Notes(u8);

impl Notes {
    /// Returns whether a kind of problem must be logged, and marks it as logged.
    pub(super) fn is_new(&mut self, note: Note) -> bool {
        let bit = 1 << note as u8;
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }

    /// Logs the problems of an accepted lease, or clears the record if there are none.
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
