//! Writing replies.

mod digits;

use core::fmt::{self, Write};

use digits::{HEADER_BYTES_MAX, format_header, hex};

/// Bytes that can be put before something written already.
const PREPENDED_BYTES_MAX: usize = 64;

/// Appends replies to a buffer and counts on where it is full.
///
/// A reply that did not fit is known by [`overflowed`](Self::overflowed); the caller then takes it
/// back to a [`Mark`] and asks for it again with a larger buffer.
#[derive(Debug)]
pub struct Reply<'a> {
    buffer: &'a mut [u8],
    /// Bytes written, or that would have been.
    length: usize,
    /// The third version has maps and one kind of null.
    is_resp3: bool,
}

/// A place in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

impl<'a> Reply<'a> {
    /// Writes from the front of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0, is_resp3: false }
    }

    /// Chooses the third version of the protocol, or the second.
    pub fn set_resp3(&mut self, is_resp3: bool) {
        self.is_resp3 = is_resp3;
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.buffer.len().saturating_sub(self.length) as u64
    }

    /// Bytes written, or that would have been if the buffer were larger.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Whether something did not fit.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.length > self.buffer.len()
    }

    /// The place that has been reached.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.length)
    }

    /// Takes back everything behind the mark.
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

    /// A simple string. The text has no line end.
    pub fn status(&mut self, text: &str) {
        self.raw(b"+");
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// A simple string, formatted.
    pub fn status_of(&mut self, text: fmt::Arguments<'_>) {
        self.line(b"+", text);
    }

    /// An error; its first word is its code.
    pub fn error(&mut self, text: fmt::Arguments<'_>) {
        self.line(b"-", text);
    }

    /// An error of bytes that a client sent; line ends become spaces, as in Redis.
    pub fn error_of_bytes(&mut self, parts: &[&[u8]]) {
        self.raw(b"-");
        for byte in parts.iter().copied().flatten() {
            self.raw(&[if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }]);
        }
        self.raw(b"\r\n");
    }

    /// An integer.
    pub fn integer(&mut self, value: u64) {
        self.header(b':', value);
    }

    /// An integer that may be negative.
    pub fn signed(&mut self, value: i64) {
        self.line(b":", format_args!("{value}"));
    }

    /// Null in place of a bulk string.
    pub fn null(&mut self) {
        self.raw(if self.is_resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Null in place of an array.
    pub fn null_array(&mut self) {
        self.raw(if self.is_resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The header of a map; its names and values follow, by turns.
    pub fn map(&mut self, pairs: usize) {
        if self.is_resp3 {
            self.header(b'%', pairs as u64);
        } else {
            self.array(2 * pairs);
        }
    }

    /// A map of as many pairs as `fill` says that it has appended.
    pub fn map_by(&mut self, fill: impl FnOnce(&mut Self) -> usize) {
        let start = self.length;
        let pairs = fill(self) as u64;
        let (kind, items) = if self.is_resp3 { (b'%', pairs) } else { (b'*', 2 * pairs) };
        self.insert_header(start, kind, items);
    }

    /// Text that `fill` appends piece by piece, to be shown as it is.
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

    /// The header of an array; its items follow.
    pub fn array(&mut self, items: usize) {
        self.header(b'*', items as u64);
    }

    /// The header of a set; its items follow.
    pub fn set(&mut self, items: usize) {
        self.header(if self.is_resp3 { b'~' } else { b'*' }, items as u64);
    }

    /// A bulk string.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len() as u64);
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// The header of a bulk string; its bytes and a line end follow.
    pub fn bulk_header(&mut self, length: u64) {
        self.header(b'$', length);
    }

    /// A bulk string of `length` bytes that come in pieces.
    pub fn bulk_of_pieces<'p>(&mut self, length: usize, pieces: impl Iterator<Item = &'p [u8]>) {
        self.header(b'$', length as u64);
        pieces.for_each(|piece| self.raw(piece));
        self.raw(b"\r\n");
    }

    /// A bulk string, formatted.
    pub fn bulk_of(&mut self, text: fmt::Arguments<'_>) {
        self.bulk_by(|reply| {
            // Writing to a reply cannot fail.
            let _ = reply.write_fmt(text);
        });
    }

    /// A bulk string of an address: hexadecimal, with `0x`. By hand, because every region has one.
    pub fn bulk_hex(&mut self, value: u64) {
        let unused = value.max(1).leading_zeros() as usize / 4;
        let mut text = [0; 18];
        text[2..10].copy_from_slice(&hex(value >> 32));
        text[10..].copy_from_slice(&hex(value & 0xffff_ffff));
        text[unused..unused + 2].copy_from_slice(b"0x");
        self.bulk(&text[unused..]);
    }

    /// A bulk string that `fill` appends piece by piece.
    pub fn bulk_by(&mut self, fill: impl FnOnce(&mut Self)) {
        let start = self.length;
        fill(self);
        let length = self.length - start;
        self.insert_header(start, b'$', length as u64);
        self.raw(b"\r\n");
    }

    /// A bulk string of `length` bytes that `fill` writes in place; it is not called where they do
    /// not fit.
    ///
    /// # Errors
    ///
    /// What `fill` says; the reply is as it was before.
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

    /// An array of as many items as `fill` says that it has appended.
    pub fn array_by(&mut self, fill: impl FnOnce(&mut Self) -> usize) {
        let start = self.length;
        let items = fill(self);
        self.insert_header(start, b'*', items as u64);
    }

    /// Puts what `fill` writes, at most 64 bytes, before everything behind the mark.
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

    /// Puts a header before what was written since `start`.
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
