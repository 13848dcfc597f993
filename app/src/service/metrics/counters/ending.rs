//! Reasons for the ends of connections.

use core::fmt;

/// The reason why a connection of a client has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer closed the connection.
    PeerClosed,
    /// A command of the client, such as `QUIT`, requested the end of the connection.
    Quit,
    /// A client has closed the connection with `CLIENT KILL`.
    Killed,
    /// The bytes of the client broke the protocol.
    ProtocolError,
    /// The peer reset the connection.
    Reset,
    /// The peer did not respond to retransmissions or keep-alive probes.
    TimedOut,
    /// All places in the client list were taken.
    Refused,
}

impl Ending {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::PeerClosed,
        Self::Quit,
        Self::Killed,
        Self::ProtocolError,
        Self::Reset,
        Self::TimedOut,
        Self::Refused,
    ];

    /// Returns the word for the reason, for labels and the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer_closed",
            Self::Quit => "quit",
            Self::Killed => "killed",
            Self::ProtocolError => "protocol_error",
            Self::Reset => "reset",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
        }
    }

    /// Returns the name of the counter of this reason.
    pub(in crate::service) const fn row(self) -> &'static str {
        match self {
            Self::PeerClosed => "ended_peer_closed",
            Self::Quit => "ended_quit",
            Self::Killed => "ended_killed",
            Self::ProtocolError => "ended_protocol_error",
            Self::Reset => "ended_reset",
            Self::TimedOut => "ended_timed_out",
            Self::Refused => "ended_refused",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_order_and_their_counters_bear_their_words() {
        for (index, ending) in Ending::ALL.into_iter().enumerate() {
            assert_eq!(ending as usize, index);
            assert_eq!(ending.row().strip_prefix("ended_"), Some(ending.word()));
        }
    }
}
