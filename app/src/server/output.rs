//! The output of a connection: replies that were written but not sent.

use crate::resp::Reply;

/// Free space that the output must have before a request is served. Every reply fits into that
/// space except the large ones. A request with a large reply changes no state, so it can be retried
/// with a larger buffer.
const SMALL_REPLY_BYTES: usize = 1024;

/// The output of a connection: a fixed buffer, and at most one larger buffer that holds one large
/// reply. The larger buffer is sent after the fixed buffer.
#[derive(Debug)]
pub(super) struct Output<T> {
    fixed: &'static mut [u8],
    start: usize,
    end: usize,
    /// Free space that the next reply needs, in bytes, as far as known.
    wanted: usize,
    spill: Option<Spill<T>>,
    /// Whether the rest of the last reply must still be copied into the fixed buffer by
    /// [`fill`](Self::fill).
    is_streaming: bool,
    /// Free space in bytes that is reserved for later replies of a transaction, while the replies
    /// of the transaction are collected.
    kept: Option<usize>,
}

#[derive(Debug)]
struct Spill<T> {
    buffer: T,
    start: usize,
    end: usize,
}

/// The outcome of writing a reply.
#[derive(Debug)]
pub(super) enum Written<R> {
    /// The reply is in the output.
    Whole,
    /// The reply did not fit and left no bytes in the output. The first field is the length of the
    /// reply in bytes.
    TooLarge(usize, R),
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Output<T> {
    pub(super) fn new(fixed: &'static mut [u8]) -> Self {
        Self {
            fixed,
            start: 0,
            end: 0,
            wanted: SMALL_REPLY_BYTES,
            spill: None,
            is_streaming: false,
            kept: None,
        }
    }

    /// Returns whether the output has space for the reply to a further request. Returns `false`
    /// while a large reply is unsent.
    pub(super) fn has_room(&mut self) -> bool {
        if self.kept.is_some() {
            return true;
        }
        // The unsent bytes are moved only if more bytes were sent than must be moved. The cost of
        // moving is thus at most proportional to the bytes that the peer reads, even if it reads
        // small pieces.
        let is_worth_it = self.start > 0 && self.start >= self.end - self.start;
        if self.fixed.len() - self.end < self.wanted && is_worth_it {
            self.fixed.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let is_whole = self.spill.is_none() && !self.is_streaming;
        is_whole && self.fixed.len() - self.end >= self.wanted
    }

    /// Returns whether a reply of `needed` bytes will fit into the fixed buffer after all earlier
    /// replies are sent. If so, no request is served before that.
    pub(super) fn will_have_room(&mut self, needed: usize) -> bool {
        let will = !self.is_empty() && needed <= self.fixed.len();
        if will {
            self.wanted = needed;
        }
        will
    }

    /// Returns whether all bytes were sent.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end && self.spill.is_none() && !self.is_streaming
    }

    /// Appends a reply.
    pub(super) fn write<R>(&mut self, reply: impl FnOnce(&mut Reply<'_>) -> R) -> Written<R> {
        if let Some(kept) = self.kept {
            return self.write_collected(kept, reply);
        }
        let mut room = Reply::new(&mut self.fixed[self.end..]);
        let result = reply(&mut room);
        if room.overflowed() {
            return Written::TooLarge(room.length(), result);
        }
        self.end += room.length();
        self.wanted = SMALL_REPLY_BYTES;
        Written::Whole
    }

    /// Appends a reply of a transaction, and leaves `kept` bytes free for the later replies.
    #[cold]
    fn write_collected<R>(
        &mut self,
        kept: usize,
        reply: impl FnOnce(&mut Reply<'_>) -> R,
    ) -> Written<R> {
        let (buffer, end) = match &mut self.spill {
            Some(spill) => (spill.buffer.as_mut(), &mut spill.end),
            None => (&mut *self.fixed, &mut self.end),
        };
        let limit = buffer.len().saturating_sub(kept).max(*end);
        let mut room = Reply::new(&mut buffer[*end..limit]);
        let result = reply(&mut room);
        if room.overflowed() {
            return Written::TooLarge(room.length(), result);
        }
        *end += room.length();
        Written::Whole
    }

    /// Begins to collect the replies of a transaction after the present bytes, in `buffer` if
    /// given. `kept` bytes stay free for later replies. While replies are collected,
    /// [`has_room`](Self::has_room) returns `true` even if no byte was sent.
    pub(super) fn collect(&mut self, buffer: Option<T>, kept: usize) {
        if let Some(buffer) = buffer {
            self.spill = Some(Spill { buffer, start: 0, end: 0 });
        }
        self.kept = Some(kept);
    }

    /// Returns whether the replies of a transaction are being collected.
    pub(super) fn is_collecting(&self) -> bool {
        self.kept.is_some()
    }

    /// Sets the number of bytes that stay free for the later replies of a transaction.
    pub(super) fn keep(&mut self, kept: usize) {
        self.kept = Some(kept);
    }

    /// Stops collecting replies.
    pub(super) fn stop_collecting(&mut self) {
        self.kept = None;
        self.wanted = SMALL_REPLY_BYTES;
    }

    /// Appends a large reply in `buffer`, which is dropped once the reply is sent. Returns `false`
    /// if the reply does not fit into `buffer` either; the output is then unchanged.
    pub(super) fn write_spilled<R>(
        &mut self,
        mut buffer: T,
        reply: impl FnOnce(&mut Reply<'_>) -> R,
    ) -> bool {
        let mut room = Reply::new(buffer.as_mut());
        reply(&mut room);
        if room.overflowed() {
            return false;
        }
        let end = room.length();
        self.wanted = SMALL_REPLY_BYTES;
        self.spill = Some(Spill { buffer, start: 0, end });
        true
    }

    /// Sets whether the rest of the last reply must still be copied into the output. While it must,
    /// no request is served.
    pub(super) fn set_streaming(&mut self, is_streaming: bool) {
        self.is_streaming = is_streaming;
    }

    /// Calls `fill` to write the next bytes of the last reply, once all present bytes are sent.
    /// Returns `false` if present bytes are unsent, and `None` if `fill` returns `None`.
    pub(super) fn fill(&mut self, fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<bool> {
        if !self.is_streaming || self.start < self.end {
            return Some(false);
        }
        self.start = 0;
        self.end = fill(self.fixed)?;
        Some(true)
    }

    /// Passes the unsent bytes to `send` in order. Returns how many bytes were sent, or `None` if
    /// `send` fails. The larger buffer is kept until [`give_back`](Self::give_back) frees it.
    pub(super) fn send(&mut self, mut send: impl FnMut(&[u8]) -> Option<usize>) -> Option<usize> {
        let mut sent = 0;
        if self.start < self.end {
            sent = send(&self.fixed[self.start..self.end])?;
            self.start += sent;
            if self.start < self.end {
                return Some(sent);
            }
            self.start = 0;
            self.end = 0;
        }
        if let Some(spill) = &mut self.spill {
            let bytes = send(&spill.buffer.as_ref()[spill.start..spill.end])?;
            spill.start += bytes;
            sent += bytes;
        }
        Some(sent)
    }

    /// Frees the larger buffer if all its bytes were sent. No request is served before that.
    pub(super) fn give_back(&mut self) {
        if self.kept.is_none() {
            self.spill.take_if(|spill| spill.start == spill.end);
        }
    }

    /// Returns the size of the fixed buffer, its unsent bytes, and the size of the larger buffer.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        let spilled = self.spill.as_ref().map_or(0, |spill| spill.buffer.as_ref().len());
        (self.fixed.len(), self.end - self.start, spilled)
    }

    /// Returns whether there is a larger buffer.
    pub(super) fn holds_memory(&self) -> bool {
        self.spill.is_some()
    }

    /// Removes all bytes, and frees the larger buffer.
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.wanted = SMALL_REPLY_BYTES;
        self.spill = None;
        self.is_streaming = false;
        self.kept = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(bytes: usize) -> Output<Vec<u8>> {
        Output::new(vec![0; bytes].leak())
    }

    #[test]
    fn a_large_reply_comes_after_the_small_ones() {
        let mut output = output(2048);
        assert!(matches!(output.write(|reply| reply.integer(1)), Written::Whole));
        let large = [b'x'; 5000];
        let Written::TooLarge(needed, ()) = output.write(|reply| reply.bulk(&large)) else {
            panic!("5000 bytes do not fit")
        };
        assert!(!output.write_spilled(vec![0; needed - 1], |reply| reply.bulk(&large)));
        assert!(output.has_room(), "a reply that did not fit is not there");
        assert!(output.write_spilled(vec![0; needed], |reply| reply.bulk(&large)));
        assert!(!output.has_room());

        let mut sent = Vec::new();
        while !output.is_empty() {
            output.send(|bytes| {
                let part = bytes.len().min(300);
                sent.extend_from_slice(&bytes[..part]);
                Some(part)
            });
            assert!(!output.has_room(), "the larger buffer is still there");
            output.give_back();
        }
        assert_eq!(&sent[..11], b":1\r\n$5000\r\n");
        assert_eq!(sent.len(), 4 + needed);
        assert!(output.has_room());
    }

    #[test]
    fn a_reply_that_fits_alone_waits_for_those_before_it() {
        let mut output = output(4096);
        output.write(|reply| reply.bulk(&[b'x'; 2000]));
        let Written::TooLarge(needed, ()) = output.write(|reply| reply.bulk(&[b'x'; 3000])) else {
            panic!("5000 bytes do not fit")
        };
        assert!(!output.will_have_room(4097));
        assert!(output.will_have_room(needed) && !output.has_room());
        output.send(|bytes| Some(bytes.len() - 1));
        assert!(output.has_room(), "one byte is left before it");
        assert!(matches!(output.write(|reply| reply.bulk(&[b'y'; 3000])), Written::Whole));
        output.send(|bytes| {
            assert_eq!(&bytes[..9], b"\n$3000\r\ny");
            Some(bytes.len())
        });
        assert!(output.is_empty() && !output.will_have_room(10), "no reply is pending");
    }

    #[test]
    fn a_full_output_refuses_requests_until_it_is_sent() {
        let mut output = output(2048);
        let mut replies = 0;
        while output.has_room() {
            output.write(|reply| reply.bulk(&[b'x'; 100]));
            replies += 1;
        }
        assert_eq!(replies, 10);
        output.send(|bytes| Some(bytes.len() / 2));
        assert!(output.has_room());
    }
}
