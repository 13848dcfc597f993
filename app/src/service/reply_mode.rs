//! `CLIENT REPLY`: which replies a connection wants.

/// The replies that a connection wants. The mode is applied where replies enter the connection's
/// output, and nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplyMode {
    /// No reply is wanted.
    is_off: bool,
    /// The reply of the request under way is not wanted.
    skips_current: bool,
    /// The reply of the request after it is not wanted.
    skips_next: bool,
}

impl ReplyMode {
    /// Whether the reply of the request under way is to be dropped.
    pub(super) fn is_suppressed(self) -> bool {
        self.is_off | self.skips_current
    }

    /// Moves on to the next request. Redis counts an empty request as one.
    pub(super) fn end_request(&mut self) {
        self.skips_current = self.skips_next;
        self.skips_next = false;
    }

    /// Wants all replies, that of the request under way too.
    pub(super) fn turn_on(&mut self) {
        self.is_off = false;
        self.skips_current = false;
    }

    /// Wants no reply.
    pub(super) fn turn_off(&mut self) {
        self.is_off = true;
    }

    /// Does not want the reply of the next request.
    pub(super) fn skip_next(&mut self) {
        self.skips_next = !self.is_off;
    }

    /// Wants all replies, but that of the request under way where it was to be skipped.
    pub(super) fn reset(&mut self) {
        self.is_off = false;
        self.skips_next = false;
    }
}
