//! Writes the text of an `INFO` reply.

use core::fmt::Write;

use crate::resp::Reply;

/// An `INFO` text: sections that are separated by empty lines.
pub(super) struct InfoText<'a, 'r> {
    reply: &'a mut Reply<'r>,
    is_begun: bool,
}

impl<'a, 'r> InfoText<'a, 'r> {
    /// Creates a text without sections.
    pub(super) fn new(reply: &'a mut Reply<'r>) -> Self {
        Self { reply, is_begun: false }
    }

    /// Begins a section with the heading `name`, whose first letter is capitalized.
    pub(super) fn begin(&mut self, name: &str) {
        if core::mem::replace(&mut self.is_begun, true) {
            self.reply.raw(b"\r\n");
        }
        let (first, rest) = name.split_at(1);
        self.reply.raw(b"# ");
        self.reply.raw(&[first.as_bytes()[0].to_ascii_uppercase()]);
        self.reply.raw(rest.as_bytes());
        self.reply.raw(b"\r\n");
    }

    /// Writes a field as one line.
    pub(super) fn line(&mut self, name: &str, value: impl core::fmt::Display) {
        // Writing to a reply cannot fail.
        let _ = write!(self.reply, "{name}:{value}\r\n");
    }

    /// Writes the first part of a line in lower case.
    pub(super) fn lower_case(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.reply.raw(&[byte.to_ascii_lowercase()]));
    }

    /// Writes the rest of a line and its end.
    pub(super) fn rest_of_line(&mut self, text: core::fmt::Arguments<'_>) {
        // Writing to a reply cannot fail.
        let _ = write!(self.reply, "{text}\r\n");
    }

    /// Writes one line with the value 0 for each name.
    pub(super) fn zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.line(name, 0));
    }
}
