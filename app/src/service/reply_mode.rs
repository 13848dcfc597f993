//! `CLIENT REPLY`: tells which replies a connection receives.

/// Tells which replies a connection receives. The mode is applied at one place only, where replies
/// enter the output of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplyMode {
    /// Whether all replies are suppressed.
    is_off: bool,
    /// Whether the reply of the current request is suppressed.
    skips_current: bool,
    /// Whether the reply of the next request is suppressed.
    skips_next: bool,
}

impl ReplyMode {
    /// Returns whether the reply of the current request is suppressed.
    pub(super) fn is_suppressed(self) -> bool {
        self.is_off | self.skips_current
    }

    /// Moves on to the next request. As in Redis, an empty request counts too.
    pub(super) fn end_request(&mut self) {
        self.skips_current = self.skips_next;
        self.skips_next = false;
    }

    /// Enables all replies, including the reply of the current request.
    pub(super) fn turn_on(&mut self) {
        self.is_off = false;
        self.skips_current = false;
    }

    /// Suppresses all replies.
    pub(super) fn turn_off(&mut self) {
        self.is_off = true;
    }

    /// Suppresses the reply of the next request.
    pub(super) fn skip_next(&mut self) {
        self.skips_next = !self.is_off;
    }

    /// Enables all replies from the next request on. The reply of the current request stays
    /// suppressed if it is to be skipped.
    pub(super) fn reset(&mut self) {
        self.is_off = false;
        self.skips_next = false;
    }
}
