//! Replies that are not sent yet.

use crate::resp::Reply;

/// Room that must be left before a request is served: every reply but the large ones fits, and
/// what makes a large one changes nothing, so it can be asked for again.
const SMALL_REPLY_BYTES: usize = 1024;

/// A fixed buffer, and behind it at most one larger buffer for one large reply.
#[derive(Debug)]
pub(super) struct Output<T> {
    fixed: &'static mut [u8],
    start: usize,
    end: usize,
    /// Room that the next reply needs, as far as is known.
    wanted: usize,
    spill: Option<Spill<T>>,
    /// Whether bytes of the last reply are still to be [filled in](Self::fill).
    is_streaming: bool,
    /// While the replies of a transaction are collected: room that those to come need.
    kept: Option<usize>,
}

#[derive(Debug)]
struct Spill<T> {
    buffer: T,
    start: usize,
    end: usize,
}

/// What writing a reply came to.
#[derive(Debug)]
pub(super) enum Written<R> {
    /// It is in the output.
    Whole,
    /// It did not fit, and nothing of it is there: it needs so many bytes.
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

    /// Whether a request may be served. One with a large reply unsent is not served.
    pub(super) fn has_room(&mut self) -> bool {
        if self.kept.is_some() {
            return true;
        }
        // Less is moved than was sent: a peer that reads a little at a time must not cost more than it reads.
        let is_worth_it = self.start > 0 && self.start >= self.end - self.start;
        if self.fixed.len() - self.end < self.wanted && is_worth_it {
            self.fixed.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let is_whole = self.spill.is_none() && !self.is_streaming;
        is_whole && self.fixed.len() - self.end >= self.wanted
    }

    /// Whether a reply of so many bytes fits once what stands before it was sent. Then no request is
    /// served until it does.
    pub(super) fn will_have_room(&mut self, needed: usize) -> bool {
        let will = !self.is_empty() && needed <= self.fixed.len();
        if will {
            self.wanted = needed;
        }
        will
    }

    /// Whether everything was sent.
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

    /// Appends a reply of a transaction behind those before it, and leaves room for those to come.
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

    /// Begins to collect the replies of a transaction, behind what is there: in the larger buffer, if there is
    /// one. So much room is kept for replies to come. Until the end requests are served whatever was sent.
    pub(super) fn collect(&mut self, buffer: Option<T>, kept: usize) {
        if let Some(buffer) = buffer {
            self.spill = Some(Spill { buffer, start: 0, end: 0 });
        }
        self.kept = Some(kept);
    }

    /// Whether the replies of a transaction are collected.
    pub(super) fn is_collecting(&self) -> bool {
        self.kept.is_some()
    }

    /// Keeps so much room for replies to come.
    pub(super) fn keep(&mut self, kept: usize) {
        self.kept = Some(kept);
    }

    /// Ends the collecting.
    pub(super) fn stop_collecting(&mut self) {
        self.kept = None;
        self.wanted = SMALL_REPLY_BYTES;
    }

    /// Appends a large reply in a buffer of its own, which is dropped once it was sent. `false`
    /// where it does not fit there either; nothing of it is left then.
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

    /// Says whether bytes of the last reply are still to be filled in. Until all are there no
    /// request is served.
    pub(super) fn set_streaming(&mut self, is_streaming: bool) {
        self.is_streaming = is_streaming;
    }

    /// Lets `fill` write what comes next of the last reply, where all that was there was sent.
    /// Returns `false` where something was not, and `None` where `fill` fails.
    pub(super) fn fill(&mut self, fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<bool> {
        if !self.is_streaming || self.start < self.end {
            return Some(false);
        }
        self.start = 0;
        self.end = fill(self.fixed)?;
        Some(true)
    }

    /// Sends what `send` takes, in order. Returns how many bytes, or `None` where it fails. The larger
    /// buffer is kept until it is [given back](Self::give_back).
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

    /// Drops the larger buffer once all of it was sent: until then no request is served.
    pub(super) fn give_back(&mut self) {
        if self.kept.is_none() {
            self.spill.take_if(|spill| spill.start == spill.end);
        }
    }

    /// The size of the fixed buffer, the bytes that wait in it, and the size of the larger buffer.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        let spilled = self.spill.as_ref().map_or(0, |spill| spill.buffer.as_ref().len());
        (self.fixed.len(), self.end - self.start, spilled)
    }

    /// Whether there is a larger buffer.
    pub(super) fn holds_memory(&self) -> bool {
        self.spill.is_some()
    }

    /// Forgets everything.
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
        assert!(output.is_empty() && !output.will_have_room(10), "nothing to wait for");
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
