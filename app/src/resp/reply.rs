//! Writes replies to a buffer of fixed size.

mod digits;

use core::fmt::{self, Write};

use digits::{HEADER_BYTES_MAX, format_header, hex};

/// Maximum bytes that [`Reply::prepend`] can insert.
const PREPENDED_BYTES_MAX: usize = 64;

/// Appends replies to a buffer. When the buffer is full, further bytes are only counted.
///
/// After a reply that did not fit, [`overflowed`](Self::overflowed) returns `true`. The caller can then remove the
/// reply by rolling back to a [`Mark`], and write the reply again to a larger buffer.
#[derive(Debug)]
pub struct Reply<'a> {
    buffer: &'a mut [u8],
    /// Number of bytes written, including those that did not fit.
    length: usize,
    /// Whether replies use version 3 of the protocol (RESP3), which has maps, sets and a single null value.
    is_resp3: bool,
}

/// A position in the written bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

impl<'a> Reply<'a> {
    /// Creates a writer that begins at the front of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0, is_resp3: false }
    }

    /// Selects version 3 of the protocol if `is_resp3` is set, otherwise version 2.
    pub fn set_resp3(&mut self, is_resp3: bool) {
        self.is_resp3 = is_resp3;
    }

    /// Returns the number of bytes that still fit.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.buffer.len().saturating_sub(self.length) as u64
    }

    /// Returns the number of bytes written, including those that did not fit.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Returns whether any byte did not fit.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.length > self.buffer.len()
    }

    /// Returns the current position.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.length)
    }

    /// Removes all bytes behind the mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.length = mark.0;
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.buffer.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }

    /// Appends a simple string. The text must not contain a line end.
    pub fn status(&mut self, text: &str) {
        self.raw(b"+");
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// Appends a formatted simple string.
    pub fn status_of(&mut self, text: fmt::Arguments<'_>) {
        self.line(b"+", text);
    }

    /// Appends an error. The first word of the text is the error code.
    pub fn error(&mut self, text: fmt::Arguments<'_>) {
        self.line(b"-", text);
    }

    /// Appends an error with bytes that a client sent. Line ends become spaces, as in Redis.
    pub fn error_of_bytes(&mut self, parts: &[&[u8]]) {
        self.raw(b"-");
        for byte in parts.iter().copied().flatten() {
            self.raw(&[if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }]);
        }
        self.raw(b"\r\n");
    }

    /// Appends an integer.
    pub fn integer(&mut self, value: u64) {
        self.header(b':', value);
    }

    /// Appends an integer that may be negative.
    pub fn signed(&mut self, value: i64) {
        self.line(b":", format_args!("{value}"));
    }

    /// Appends a null bulk string.
    pub fn null(&mut self) {
        self.raw(if self.is_resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Appends a null array.
    pub fn null_array(&mut self) {
        self.raw(if self.is_resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// Appends the header of a map. The caller appends names and values alternately.
    pub fn map(&mut self, pairs: usize) {
        if self.is_resp3 {
            self.header(b'%', pairs as u64);
        } else {
            self.array(2 * pairs);
        }
    }

    /// Appends a map whose pairs `fill` appends. `fill` returns the number of pairs.
    pub fn map_by(&mut self, fill: impl FnOnce(&mut Self) -> usize) {
        let start = self.length;
        let pairs = fill(self) as u64;
        let (kind, items) = if self.is_resp3 { (b'%', pairs) } else { (b'*', 2 * pairs) };
        self.insert_header(start, kind, items);
    }

    /// Appends a verbatim string whose text `fill` appends in pieces.
    pub fn text_by(&mut self, fill: impl FnOnce(&mut Self)) {
        let start = self.length;
        if self.is_resp3 {
            self.raw(b"txt:");
        }
        fill(self);
        let length = self.length - start;
        self.insert_header(start, if self.is_resp3 { b'=' } else { b'$' }, length as u64);
        self.raw(b"\r\n");
    }

    /// Appends the header of an array. The caller appends the items.
    pub fn array(&mut self, items: usize) {
        self.header(b'*', items as u64);
    }

    /// Appends the header of a set. The caller appends the items.
    pub fn set(&mut self, items: usize) {
        self.header(if self.is_resp3 { b'~' } else { b'*' }, items as u64);
    }

    /// Appends a bulk string.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len() as u64);
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// Appends the header of a bulk string. The caller appends the bytes and a line end.
    pub fn bulk_header(&mut self, length: u64) {
        self.header(b'$', length);
    }

    /// Appends a bulk string of `length` bytes from pieces.
    pub fn bulk_of_pieces<'p>(&mut self, length: usize, pieces: impl Iterator<Item = &'p [u8]>) {
        self.header(b'$', length as u64);
        pieces.for_each(|piece| self.raw(piece));
        self.raw(b"\r\n");
    }

    /// Appends a formatted bulk string.
    pub fn bulk_of(&mut self, text: fmt::Arguments<'_>) {
        self.bulk_by(|reply| {
            // Writing to a reply cannot fail.
            let _ = reply.write_fmt(text);
        });
    }

    /// Appends a bulk string with `0x` and a hexadecimal number. The digits are not written by `fmt`, which is slower,
    /// because the reply for each region contains an address.
    pub fn bulk_hex(&mut self, value: u64) {
        let unused = value.max(1).leading_zeros() as usize / 4;
        let mut text = [0; 18];
        text[2..10].copy_from_slice(&hex(value >> 32));
        text[10..].copy_from_slice(&hex(value & 0xffff_ffff));
        text[unused..unused + 2].copy_from_slice(b"0x");
        self.bulk(&text[unused..]);
    }

    /// Appends a bulk string whose bytes `fill` appends in pieces.
    pub fn bulk_by(&mut self, fill: impl FnOnce(&mut Self)) {
        let start = self.length;
        fill(self);
        let length = self.length - start;
        self.insert_header(start, b'$', length as u64);
        self.raw(b"\r\n");
    }

    /// Appends a bulk string of `length` bytes, which `fill` writes directly into the buffer. If the bytes do not fit,
    /// `fill` is not called.
    ///
    /// # Errors
    ///
    /// Returns the error of `fill`. The reply is then unchanged.
    pub fn bulk_in_place<E>(
        &mut self,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mark = self.mark();
        self.header(b'$', length as u64);
        let start = self.length;
        if let Some(room) = self.buffer.get_mut(start..start + length)
            && let Err(error) = fill(room)
        {
            self.rewind(mark);
            return Err(error);
        }
        self.length = start + length;
        self.raw(b"\r\n");
        Ok(())
    }

    /// Appends an array whose items `fill` appends. `fill` returns the number of items.
    pub fn array_by(&mut self, fill: impl FnOnce(&mut Self) -> usize) {
        let start = self.length;
        let items = fill(self);
        self.insert_header(start, b'*', items as u64);
    }

    /// Inserts the bytes that `fill` writes, at most 64, at the position `mark`. The bytes behind the mark are moved.
    pub fn prepend(&mut self, mark: Mark, fill: impl FnOnce(&mut Reply<'_>)) {
        let mut buffer = [0; PREPENDED_BYTES_MAX];
        let mut front = Reply::new(&mut buffer);
        front.is_resp3 = self.is_resp3;
        fill(&mut front);
        let length = front.length().min(PREPENDED_BYTES_MAX);
        self.insert(mark.0, &buffer[..length]);
    }

    fn line(&mut self, kind: &[u8], text: fmt::Arguments<'_>) {
        self.raw(kind);
        let start = self.length;
        // Writing to a reply cannot fail.
        let _ = self.write_fmt(text);
        if let Some(line) = self.buffer.get_mut(start..self.length) {
            for byte in line.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')) {
                *byte = b' ';
            }
        }
        self.raw(b"\r\n");
    }

    fn header(&mut self, kind: u8, value: u64) {
        let mut digits = [0; HEADER_BYTES_MAX];
        let start = format_header(&mut digits, kind, value);
        self.raw(&digits[start..]);
    }

    /// Inserts a header at the position `start`. The bytes behind it are moved.
    fn insert_header(&mut self, start: usize, kind: u8, value: u64) {
        let mut digits = [0; HEADER_BYTES_MAX];
        let first = format_header(&mut digits, kind, value);
        self.insert(start, &digits[first..]);
    }

    fn insert(&mut self, start: usize, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if end <= self.buffer.len() {
            self.buffer.copy_within(start..self.length, start + bytes.len());
            self.buffer[start..start + bytes.len()].copy_from_slice(bytes);
        }
        self.length = end;
    }
}

impl Write for Reply<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
