//! The queued requests of a transaction.

use super::request_buffer::{Allowance, Refusal};
use crate::buffers::Buffers;
use crate::resp::{Arguments, Limits};
use crate::service;

/// Bytes of the first buffer.
const FIRST_BYTES: usize = 16 << 10;

/// Maximum length of the header of a request or of an argument, in bytes.
const HEADER_BYTES: usize = 32;

/// The limits for parsing queued requests. There are none, because the requests were already parsed
/// and limited when they arrived.
pub(super) const LIMITS: Limits = Limits {
    inline_bytes: 0,
    bulk_bytes: usize::MAX,
    arguments: usize::MAX,
    held_bytes: usize::MAX,
    is_admitted: true,
};

/// The queued requests of one transaction, in order and encoded as multi-bulk requests.
#[derive(Debug)]
pub(super) struct RequestQueue<T> {
    buffer: Option<T>,
    start: usize,
    end: usize,
    /// The minimum output space for the replies to the requests from `start` on, in bytes.
    reply_bytes: usize,
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> RequestQueue<T> {
    pub(super) fn new() -> Self {
        Self { buffer: None, start: 0, end: 0, reply_bytes: 0 }
    }

    /// Appends a request.
    ///
    /// # Errors
    ///
    /// There is no memory for the request; the queue has not changed.
    pub(super) fn push<B: Buffers<Buffer = T>>(
        &mut self,
        request: Arguments<'_>,
        buffers: &B,
        allowance: &mut Allowance,
    ) -> Result<(), Refusal> {
        let bytes = request.iter().map(|argument| argument.len() + HEADER_BYTES).sum::<usize>();
        self.make_room(bytes + HEADER_BYTES, buffers, allowance)?;
        let Some(buffer) = &mut self.buffer else { return Err(Refusal::Memory) };
        let mut text = crate::resp::Reply::new(&mut buffer.as_mut()[self.end..]);
        text.array(request.count());
        request.iter().for_each(|argument| text.bulk(argument));
        self.end += text.length();
        self.reply_bytes += service::reply_bytes(request);
        Ok(())
    }

    fn make_room<B: Buffers<Buffer = T>>(
        &mut self,
        bytes: usize,
        buffers: &B,
        allowance: &mut Allowance,
    ) -> Result<(), Refusal> {
        let held = self.capacity();
        if self.end + bytes <= held {
            return Ok(());
        }
        let wanted = (self.end + bytes).next_power_of_two().max(FIRST_BYTES);
        allowance.take(wanted - held)?;
        let is_there = match &mut self.buffer {
            Some(buffer) => buffers.grow(buffer, wanted),
            None => {
                self.buffer = buffers.take("net/multi", wanted);
                self.buffer.is_some()
            }
        };
        if !is_there {
            allowance.give(wanted - held);
            return Err(Refusal::Memory);
        }
        Ok(())
    }

    /// Returns the size of the queue's buffer in bytes.
    pub(super) fn capacity(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.as_ref().len())
    }

    /// Returns the encoded requests that are not served yet.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer.as_ref()[self.start..self.end])
    }

    /// Returns the minimum output space for the replies to the requests that are not served yet, in
    /// bytes.
    pub(super) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }

    /// Removes a served request of `bytes` bytes, for which `reply_bytes` bytes of reply were
    /// reserved.
    pub(super) fn consume(&mut self, bytes: usize, reply_bytes: usize) {
        self.start += bytes;
        self.reply_bytes -= reply_bytes;
    }

    /// Removes all requests.
    pub(super) fn clear(&mut self) {
        (self.start, self.end, self.reply_bytes) = (0, 0, 0);
    }

    /// Returns whether the queue has a buffer.
    pub(super) fn holds_memory(&self) -> bool {
        self.buffer.is_some()
    }

    /// Frees the buffer if the queue has no requests, and returns its bytes to `allowance`.
    pub(super) fn give_back(&mut self, allowance: &mut Allowance) {
        if self.end == 0 && self.buffer.is_some() {
            allowance.give(self.capacity());
            self.buffer = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::HeapBuffers;
    use crate::resp::{self, Parsed, Ranges, Reply, Resume};

    /// A buffer source without free memory, for tests.
    struct NoBuffers;

    impl Buffers for NoBuffers {
        type Buffer = Vec<u8>;

        fn take(&self, _caller: &'static str, _bytes: usize) -> Option<Vec<u8>> {
            None
        }

        fn grow(&self, _buffer: &mut Vec<u8>, _bytes: usize) -> bool {
            false
        }
    }

    fn request(words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; 100_000];
        let mut text = Reply::new(&mut bytes);
        text.array(words.len());
        words.iter().for_each(|word| text.bulk(word));
        let length = text.length();
        bytes.truncate(length);
        bytes
    }

    fn push(
        queue: &mut RequestQueue<Vec<u8>>,
        request: &[u8],
        buffers: &impl Buffers<Buffer = Vec<u8>>,
        allowance: &mut Allowance,
    ) -> Result<(), Refusal> {
        let mut ranges = Ranges::with_limit(64, 64);
        let parsed = resp::parse(request, &LIMITS, &mut ranges, &mut Resume::default());
        assert!(matches!(parsed, Parsed::Request { consumed } if consumed == request.len()));
        queue.push(ranges.within(request), buffers, allowance)
    }

    #[test]
    fn requests_come_back_in_order_and_their_memory_goes_back() {
        let (mut queue, mut allowance) = (RequestQueue::new(), Allowance::new(1 << 20));
        let long = [b'x'; 40_000];
        let requests: [Vec<u8>; 4] = [
            request(&[b"PING"]),
            // After the first request, the first buffer has slightly too little space for the
            // second request.
            request(&[b"ECHO", &long[..FIRST_BYTES - 40]]),
            request(&[b"VMALLOCN", b"2", b"1"]),
            request(&[b"ECHO", &long]),
        ];
        for request in &requests {
            push(&mut queue, request, &HeapBuffers, &mut allowance).unwrap();
        }
        assert!(queue.bytes() == requests.concat());
        assert_eq!(allowance.used(), queue.capacity());
        let mut all = queue.reply_bytes();
        for (request, at) in requests.iter().zip(1..) {
            let least = least(request);
            queue.consume(request.len(), least);
            all -= least;
            assert!(queue.bytes() == requests[at..].concat());
            assert_eq!(queue.reply_bytes(), all);
        }
        assert_eq!(all, 0);
        queue.give_back(&mut allowance);
        assert!(queue.holds_memory(), "it has not been cleared");
        queue.clear();
        queue.give_back(&mut allowance);
        assert_eq!((queue.capacity(), allowance.used()), (0, 0));
    }

    fn least(request: &[u8]) -> usize {
        let mut ranges = Ranges::with_limit(64, 64);
        resp::parse(request, &LIMITS, &mut ranges, &mut Resume::default());
        service::reply_bytes(ranges.within(request))
    }

    #[test]
    fn after_a_refusal_nothing_has_changed() {
        let (mut queue, mut allowance) = (RequestQueue::new(), Allowance::new(FIRST_BYTES));
        let (small, large) = (request(&[b"PING"]), request(&[b"ECHO", &[b'x'; FIRST_BYTES]]));
        let refused = push(&mut queue, &small, &NoBuffers, &mut allowance);
        assert_eq!((refused, allowance.used()), (Err(Refusal::Memory), 0));
        push(&mut queue, &small, &HeapBuffers, &mut allowance).unwrap();
        let refused = push(&mut queue, &large, &HeapBuffers, &mut allowance);
        assert_eq!(refused, Err(Refusal::Allowance));
        let mut allowance = Allowance::new(1 << 20);
        allowance.take(FIRST_BYTES).unwrap();
        let refused = push(&mut queue, &large, &NoBuffers, &mut allowance);
        assert_eq!((refused, allowance.used()), (Err(Refusal::Memory), FIRST_BYTES));
        assert_eq!((queue.bytes(), queue.capacity()), (&small[..], FIRST_BYTES));
    }
}
