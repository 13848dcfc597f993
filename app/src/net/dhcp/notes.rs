//! The troubles that the log already names.

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
/// A kind is logged again only after a server has acknowledged a lease without any trouble, which happens every
/// few seconds at most. The values do not matter: a server that varies its nonsense must not fill the log.
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

    /// Logs what is odd about a lease that was taken, or forgets all trouble if it is right.
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
