//! Bytes of requests that have come and are not served yet.

use super::input::Input;
use crate::buffers::Buffers;

/// A connection's input, and behind it a larger buffer for a request that does not fit.
///
/// The larger buffer grows while its request comes in, and goes back when the request is over.
#[derive(Debug)]
pub(super) struct RequestBuffer<T> {
    fixed: Input,
    larger: Option<Larger<T>>,
    /// A larger buffer that is not in use any more, to be given back.
    spent: Option<T>,
}

#[derive(Debug)]
struct Larger<T> {
    buffer: T,
    start: usize,
    end: usize,
    /// Whether its request is known to be incomplete.
    wants_more: bool,
}

/// Bytes that the larger buffers of all connections may have together.
#[derive(Debug)]
pub(super) struct Allowance {
    used: usize,
    limit: usize,
}

impl Allowance {
    pub(super) fn new(limit: usize) -> Self {
        Self { used: 0, limit }
    }

    /// Bytes that may be taken.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that are taken.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Takes some.
    ///
    /// # Errors
    ///
    /// There are not so many left.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.used + bytes > self.limit {
            return Err(Refusal::Allowance);
        }
        self.used += bytes;
        Ok(())
    }

    /// Gives some back.
    pub(super) fn give(&mut self, bytes: usize) {
        self.used -= bytes;
    }
}

/// Why a request gets no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// All connections together have what they may have.
    Allowance,
    /// There is no memory.
    Memory,
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> RequestBuffer<T> {
    pub(super) fn new(fixed: &'static mut [u8]) -> Self {
        Self { fixed: Input::new(fixed), larger: None, spent: None }
    }

    /// Where more bytes go. A larger buffer takes only as many at once as the fixed part holds, and only while
    /// its request is [incomplete](Self::want_more), so that the bytes behind the request fit into the
    /// fixed part.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let Some(larger) = &mut self.larger else { return self.fixed.room() };
        let bytes = if larger.wants_more { self.fixed.capacity() } else { 0 };
        let buffer = larger.buffer.as_mut();
        let end = buffer.len().min(larger.end + bytes);
        &mut buffer[larger.end..end]
    }

    /// Notes that so many bytes were put into the room.
    pub(super) fn add(&mut self, bytes: usize) {
        let Some(larger) = &mut self.larger else { return self.fixed.add(bytes) };
        larger.end = (larger.end + bytes).min(larger.buffer.as_ref().len());
        larger.wants_more &= bytes == 0;
    }

    /// Says that the request at the front is incomplete.
    pub(super) fn want_more(&mut self) {
        if let Some(larger) = &mut self.larger {
            larger.wants_more = true;
        }
    }

    /// The bytes that have come and are not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.larger {
            None => self.fixed.bytes(),
            Some(larger) => &larger.buffer.as_ref()[larger.start..larger.end],
        }
    }

    /// Bytes that are there, and bytes that still fit.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let length = self.bytes().len();
        (length, self.capacity() - length)
    }

    /// Whether nothing is there.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Whether the request at the front is held in a larger buffer.
    pub(super) fn is_larger(&self) -> bool {
        self.larger.is_some()
    }

    /// Whether the request at the front fills the buffer.
    pub(super) fn is_full(&self) -> bool {
        self.bytes().len() == self.capacity()
    }

    /// Bytes that can be held.
    pub(super) fn capacity(&self) -> usize {
        self.larger.as_ref().map_or(self.fixed.capacity(), |larger| larger.buffer.as_ref().len())
    }

    /// Doubles the room for the request at the front, up to a limit.
    ///
    /// # Errors
    ///
    /// There is no memory for it; then nothing has changed.
    pub(super) fn grow<B: Buffers<Buffer = T>>(
        &mut self,
        buffers: &B,
        limit: usize,
        allowance: &mut Allowance,
    ) -> Result<(), Refusal> {
        self.give_back(allowance);
        let bytes = (2 * self.capacity()).min(limit);
        let held = self.larger.as_ref().map_or(0, |larger| larger.buffer.as_ref().len());
        if allowance.used - held + bytes > allowance.limit {
            return Err(Refusal::Allowance);
        }
        if let Some(larger) = &mut self.larger {
            if !buffers.grow(&mut larger.buffer, bytes) {
                return Err(Refusal::Memory);
            }
        } else {
            let mut buffer = buffers.take("net/in", bytes).ok_or(Refusal::Memory)?;
            let end = self.fixed.bytes().len();
            buffer.as_mut()[..end].copy_from_slice(self.fixed.bytes());
            self.fixed.clear();
            self.larger = Some(Larger { buffer, start: 0, end, wants_more: true });
        }
        allowance.used += bytes - held;
        self.want_more();
        Ok(())
    }

    /// Steps over what was served.
    pub(super) fn consume(&mut self, bytes: usize) {
        match &mut self.larger {
            None => self.fixed.consume(bytes),
            Some(larger) => {
                larger.start = (larger.start + bytes).min(larger.end);
                self.leave_larger();
            }
        }
    }

    /// Moves what is left into the fixed part, once it fits.
    #[cold]
    fn leave_larger(&mut self) {
        let fits = |larger: &mut Larger<T>| larger.end - larger.start <= self.fixed.capacity();
        if let Some(larger) = self.larger.take_if(fits) {
            let rest = &larger.buffer.as_ref()[larger.start..larger.end];
            self.fixed.room()[..rest.len()].copy_from_slice(rest);
            self.fixed.add(rest.len());
            self.spent = Some(larger.buffer);
        }
    }

    /// Whether there is a larger buffer, in use or not.
    pub(super) fn holds_memory(&self) -> bool {
        self.larger.is_some() || self.spent.is_some()
    }

    /// Gives a larger buffer back that is not in use.
    pub(super) fn give_back(&mut self, allowance: &mut Allowance) {
        if let Some(spent) = self.spent.take() {
            allowance.used -= spent.as_ref().len();
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, allowance: &mut Allowance) {
        self.give_back(allowance);
        self.spent = self.larger.take().map(|larger| larger.buffer);
        self.give_back(allowance);
        self.fixed.clear();
    }
}
