//! The writer of responses.

use core::fmt;

/// Appends to a buffer. When the buffer is full, further bytes are only counted.
#[derive(Debug)]
pub struct BoundedWriter<'a> {
    buffer: &'a mut [u8],
    /// Number of bytes written, including those that did not fit.
    length: usize,
}

impl<'a> BoundedWriter<'a> {
    /// Writes from the front of `buffer`.
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

    /// Appends a piece. If the piece does not fit whole, removes it and returns `false`.
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

/// Writes a sequence of pieces, each whole, and continues where the last call stopped.
///
/// The caller passes all of its pieces every time. Those that were written are skipped.
#[derive(Debug)]
pub(super) struct Pieces<'a, 'b> {
    writer: &'a mut BoundedWriter<'b>,
    /// Number of pieces written.
    done: &'a mut usize,
    /// Number of pieces passed in this call.
    seen: usize,
    is_full: bool,
}

impl<'a, 'b> Pieces<'a, 'b> {
    /// Continues behind the first `done` pieces, and counts further ones in `done`.
    pub(super) fn new(writer: &'a mut BoundedWriter<'b>, done: &'a mut usize) -> Self {
        Self { writer, done, seen: 0, is_full: false }
    }

    /// Writes the next piece unless it is written already.
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

    /// Whether all pieces are written.
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
