//! Writes responses to a buffer of fixed size.

use core::fmt;

/// Appends to a buffer. When the buffer is full, further bytes are only counted.
#[derive(Debug)]
pub struct BoundedWriter<'a> {
    buffer: &'a mut [u8],
    /// Number of bytes written, including those that did not fit.
    length: usize,
}

impl<'a> BoundedWriter<'a> {
    /// Creates a writer that begins at the front of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// Returns the number of bytes written.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Returns the number of bytes that still fit.
    #[must_use]
    pub fn left(&self) -> usize {
        self.buffer.len().saturating_sub(self.length)
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(writer) = self.buffer.get_mut(self.length..end) {
            writer.copy_from_slice(bytes);
        }
        self.length = end;
    }

    /// Appends the piece that `write` writes. If the piece does not fit completely, removes the piece and returns
    /// `false`.
    pub fn whole(&mut self, write: impl FnOnce(&mut Self)) -> bool {
        let start = self.length;
        write(self);
        let fits = self.length <= self.buffer.len();
        if !fits {
            self.length = start;
        }
        fits
    }
}

impl fmt::Write for BoundedWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text.as_bytes());
        Ok(())
    }
}

/// Writes a sequence of pieces over several calls. Each piece is written either completely or, if it does not fit, in a
/// later call.
///
/// The caller passes all pieces in the same order each time. Pieces that earlier calls have written are skipped.
#[derive(Debug)]
pub(super) struct Pieces<'a, 'b> {
    writer: &'a mut BoundedWriter<'b>,
    /// Number of pieces written in all calls.
    done: &'a mut usize,
    /// Number of pieces that were passed in this call.
    seen: usize,
    is_full: bool,
}

impl<'a, 'b> Pieces<'a, 'b> {
    /// Continues behind the first `done` pieces, and adds the number of pieces written now to `done`.
    pub(super) fn new(writer: &'a mut BoundedWriter<'b>, done: &'a mut usize) -> Self {
        Self { writer, done, seen: 0, is_full: false }
    }

    /// Passes the next piece. The piece is written, unless an earlier call has written it or the writer is full.
    pub(super) fn piece(&mut self, write: impl FnOnce(&mut BoundedWriter<'_>)) {
        self.seen += 1;
        if self.is_full || self.seen <= *self.done {
            return;
        }
        if self.writer.whole(write) {
            *self.done = self.seen;
        } else {
            self.is_full = true;
        }
    }

    /// Returns whether all pieces that were passed have been written.
    pub(super) fn is_done(&self) -> bool {
        !self.is_full
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Write;

    use super::*;

    #[test]
    fn pieces_are_written_once_each_however_small_the_room() {
        for size in 4..40 {
            let mut done = 0;
            let mut text = Vec::new();
            for _ in 0..20 {
                let mut buffer = vec![0; size];
                let mut writer = BoundedWriter::new(&mut buffer);
                let mut pieces = Pieces::new(&mut writer, &mut done);
                for number in 100..110 {
                    pieces.piece(|writer| write!(writer, "{number},").unwrap());
                }
                let is_done = pieces.is_done();
                let length = writer.length();
                text.extend_from_slice(&buffer[..length]);
                if is_done {
                    break;
                }
            }
            assert_eq!(text, b"100,101,102,103,104,105,106,107,108,109,", "{size}");
        }
    }
}
