//! What the log already says.

use super::deadlines;
use super::lease::Ignored;
use super::message::ServerMessage;

/// One kind of trouble with servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// An offer or a lease that cannot be used.
    Refused,
    /// A request that is refused.
    Nak,
    /// A mask that is ignored.
    Mask,
    /// Routers that are ignored.
    Routers,
    /// A lease that is treated as a longer one.
    Short,
}

/// The kinds of trouble that were logged, one bit for each.
///
/// A kind is logged again only after a server has acknowledged a lease without it, which happens every few
/// seconds at most. The values do not matter: a server that varies its nonsense must not fill the log.
#[derive(Debug, Default)]
pub(super) struct Notes(u8);

impl Notes {
    /// Whether a kind of trouble must be logged; it counts as logged from now on.
    pub(super) fn is_new(&mut self, note: Note) -> bool {
        let bit = 1 << note as u8;
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }

    fn check(&mut self, note: Note, is_met: bool) -> bool {
        if !is_met {
            self.0 &= !(1 << note as u8);
        }
        is_met && self.is_new(note)
    }

    /// Logs what is odd about a lease that was taken, and forgets trouble that is over.
    pub(super) fn acknowledged(&mut self, message: &ServerMessage<'_>, ignored: Ignored) {
        let server = message.server;
        self.check(Note::Refused, false);
        self.check(Note::Nak, false);
        if self.check(Note::Mask, ignored.mask) {
            log::warn!("DHCP server {server} gives a mask that is none, the old one stays");
        }
        if self.check(Note::Routers, ignored.routers) {
            log::warn!("DHCP server {server} gives a router that cannot be one, ignored");
        }
        let least = deadlines::LEASE_SECS_MIN;
        let short = message.lease_secs.filter(|&secs| secs < least);
        if self.check(Note::Short, short.is_some()) {
            let secs = short.unwrap_or(0);
            log::warn!("DHCP server {server} gives a lease of {secs} s, treated as {least} s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_new_once_until_it_is_over() {
        let mut notes = Notes::default();
        assert!(notes.is_new(Note::Refused) && !notes.is_new(Note::Refused));
        assert!(notes.check(Note::Short, true) && !notes.check(Note::Short, true));
        assert!(!notes.check(Note::Refused, false));
        assert!(notes.is_new(Note::Refused) && !notes.is_new(Note::Short));
    }
}
