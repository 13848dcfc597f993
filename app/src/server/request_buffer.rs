//! Bytes of requests that have arrived but are not served yet.

use super::input::Input;
use crate::buffers::Buffers;

/// The fixed input of a connection, and a larger buffer for a request that does not fit.
///
/// The larger buffer grows while its request arrives, and is freed after the request.
#[derive(Debug)]
pub(super) struct RequestBuffer<T> {
    fixed: Input,
    larger: Option<Larger<T>>,
    /// A larger buffer whose request is finished. It is freed by [`give_back`](Self::give_back).
    spent: Option<T>,
}

#[derive(Debug)]
struct Larger<T> {
    buffer: T,
    start: usize,
    end: usize,
    /// Whether the parser has found that the request at the front is incomplete.
    wants_more: bool,
}

/// The budget for the larger buffers of all connections, in bytes.
#[derive(Debug)]
pub(super) struct Allowance {
    used: usize,
    limit: usize,
}

impl Allowance {
    pub(super) fn new(limit: usize) -> Self {
        Self { used: 0, limit }
    }

    /// Returns the limit in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the number of bytes in use.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Takes `bytes` bytes of the budget.
    ///
    /// # Errors
    ///
    /// Fewer than `bytes` bytes are left.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.used + bytes > self.limit {
            return Err(Refusal::Allowance);
        }
        self.used += bytes;
        Ok(())
    }

    /// Returns `bytes` bytes to the budget.
    pub(super) fn give(&mut self, bytes: usize) {
        self.used -= bytes;
    }
}

/// The reason why the buffer of a request could not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The larger buffers of all connections use the whole budget.
    Allowance,
    /// There is no memory.
    Memory,
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> RequestBuffer<T> {
    pub(super) fn new(fixed: &'static mut [u8]) -> Self {
        Self { fixed: Input::new(fixed), larger: None, spent: None }
    }

    /// Returns the free space for received bytes. A larger buffer offers space only while its
    /// request is [incomplete](Self::want_more), and at most as much as the fixed input holds. The
    /// bytes received after the end of that request therefore fit into the fixed input.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let Some(larger) = &mut self.larger else { return self.fixed.room() };
        let bytes = if larger.wants_more { self.fixed.capacity() } else { 0 };
        let buffer = larger.buffer.as_mut();
        let end = buffer.len().min(larger.end + bytes);
        &mut buffer[larger.end..end]
    }

    /// Marks the first `bytes` bytes of [`room`](Self::room) as received, after the caller has
    /// written them.
    pub(super) fn add(&mut self, bytes: usize) {
        let Some(larger) = &mut self.larger else { return self.fixed.add(bytes) };
        larger.end = (larger.end + bytes).min(larger.buffer.as_ref().len());
        larger.wants_more &= bytes == 0;
    }

    /// Records that the request at the front is incomplete, so that a larger buffer accepts more
    /// bytes.
    pub(super) fn want_more(&mut self) {
        if let Some(larger) = &mut self.larger {
            larger.wants_more = true;
        }
    }

    /// Returns the bytes that have arrived and are not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.larger {
            None => self.fixed.bytes(),
            Some(larger) => &larger.buffer.as_ref()[larger.start..larger.end],
        }
    }

    /// Returns the number of bytes held, and the number that still fit.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let length = self.bytes().len();
        (length, self.capacity() - length)
    }

    /// Returns whether the buffer is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Returns whether the request at the front is held in a larger buffer.
    pub(super) fn is_larger(&self) -> bool {
        self.larger.is_some()
    }

    /// Returns whether the request at the front fills the buffer.
    pub(super) fn is_full(&self) -> bool {
        self.bytes().len() == self.capacity()
    }

    /// Returns how many bytes can be held.
    pub(super) fn capacity(&self) -> usize {
        self.larger.as_ref().map_or(self.fixed.capacity(), |larger| larger.buffer.as_ref().len())
    }

    /// Doubles the size of the buffer for the request at the front, up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// The budget or the memory is exhausted; the buffer has not changed.
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

    /// Removes `bytes` served bytes from the front.
    pub(super) fn consume(&mut self, bytes: usize) {
        match &mut self.larger {
            None => self.fixed.consume(bytes),
            Some(larger) => {
                larger.start = (larger.start + bytes).min(larger.end);
                self.leave_larger();
            }
        }
    }

    /// Moves the remaining bytes into the fixed input if they fit there. The larger buffer is then
    /// marked for [`give_back`](Self::give_back).
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

    /// Returns whether there is a larger buffer, including one that waits to be freed.
    pub(super) fn holds_memory(&self) -> bool {
        self.larger.is_some() || self.spent.is_some()
    }

    /// Frees a larger buffer that is no longer used.
    pub(super) fn give_back(&mut self, allowance: &mut Allowance) {
        if let Some(spent) = self.spent.take() {
            allowance.used -= spent.as_ref().len();
        }
    }

    /// Removes all bytes, and frees the larger buffers.
    pub(super) fn clear(&mut self, allowance: &mut Allowance) {
        self.give_back(allowance);
        self.spent = self.larger.take().map(|larger| larger.buffer);
        self.give_back(allowance);
        self.fixed.clear();
    }
}
