//! The requests of a transaction, until it is executed.

use super::request_buffer::{Allowance, Refusal};
use crate::buffers::Buffers;
use crate::resp::Arguments;
use crate::service;

/// Bytes of the first buffer.
const FIRST_BYTES: usize = 16 << 10;

/// Bytes around an argument, at most, and around a request.
const HEADER_BYTES: usize = 32;

/// Requests one after the other, as multi-bulk requests.
#[derive(Debug)]
pub(super) struct Queue<T> {
    buffer: Option<T>,
    start: usize,
    end: usize,
    /// Room that the replies to the requests from `start` on need at least.
    reply_bytes: usize,
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Queue<T> {
    pub(super) fn new() -> Self {
        Self { buffer: None, start: 0, end: 0, reply_bytes: 0 }
    }

    /// Appends a request.
    ///
    /// # Errors
    ///
    /// There is no memory for it; then nothing has changed.
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

    /// Size of the buffer.
    pub(super) fn capacity(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.as_ref().len())
    }

    /// The requests that were not served yet.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer.as_ref()[self.start..self.end])
    }

    /// Room that the replies to them need at least.
    pub(super) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }

    /// Steps over a request that was served, whose reply needed so much room.
    pub(super) fn consume(&mut self, bytes: usize, reply_bytes: usize) {
        self.start += bytes;
        self.reply_bytes -= reply_bytes;
    }

    /// Forgets the requests.
    pub(super) fn clear(&mut self) {
        (self.start, self.end, self.reply_bytes) = (0, 0, 0);
    }

    /// Whether there is a buffer.
    pub(super) fn holds_memory(&self) -> bool {
        self.buffer.is_some()
    }

    /// Gives the buffer back where there are no requests.
    pub(super) fn give_back(&mut self, allowance: &mut Allowance) {
        if self.end == 0 && self.buffer.is_some() {
            allowance.give(self.capacity());
            self.buffer = None;
        }
    }
}
