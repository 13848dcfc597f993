//! Where answers are written.

use core::fmt;

/// A buffer that is written from its front, and counts on where it is full.
#[derive(Debug)]
pub struct Room<'a> {
    buffer: &'a mut [u8],
    /// Bytes written, or that would have been.
    length: usize,
}

impl<'a> Room<'a> {
    /// Writes from the front of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// Bytes written.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn left(&self) -> usize {
        self.buffer.len().saturating_sub(self.length)
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.buffer.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }

    /// Appends a piece whole, or not at all: then it says `false`.
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

impl fmt::Write for Room<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text.as_bytes());
        Ok(())
    }
}

/// Writes a sequence of pieces, each whole, from where the last call stopped.
///
/// The writer goes through all of its pieces every time; those that were written are skipped.
#[derive(Debug)]
pub(super) struct Pieces<'a, 'b> {
    room: &'a mut Room<'b>,
    /// Pieces that are written.
    done: &'a mut usize,
    /// Pieces that the writer has come to.
    seen: usize,
    is_full: bool,
}

impl<'a, 'b> Pieces<'a, 'b> {
    /// Goes on behind `done` pieces, and counts there.
    pub(super) fn new(room: &'a mut Room<'b>, done: &'a mut usize) -> Self {
        Self { room, done, seen: 0, is_full: false }
    }

    /// The next piece.
    pub(super) fn piece(&mut self, write: impl FnOnce(&mut Room<'_>)) {
        self.seen += 1;
        if self.is_full || self.seen <= *self.done {
            return;
        }
        if self.room.whole(write) {
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
                let mut room = Room::new(&mut buffer);
                let mut pieces = Pieces::new(&mut room, &mut done);
                for number in 100..110 {
                    pieces.piece(|room| write!(room, "{number},").unwrap());
                }
                let is_done = pieces.is_done();
                let length = room.length();
                text.extend_from_slice(&buffer[..length]);
                if is_done {
                    break;
                }
            }
            assert_eq!(text, b"100,101,102,103,104,105,106,107,108,109,", "{size}");
        }
    }
}
