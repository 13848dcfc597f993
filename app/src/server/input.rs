//! A linear buffer for bytes that were received but not served, or written but not sent.

/// A buffer whose bytes always form one slice, unlike the bytes of a ring buffer of the network.
#[derive(Debug)]
pub(super) struct Input {
    buffer: &'static mut [u8],
    start: usize,
    end: usize,
}

impl Input {
    pub(super) fn new(buffer: &'static mut [u8]) -> Self {
        Self { buffer, start: 0, end: 0 }
    }

    /// Returns the free space after the stored bytes. The stored bytes are first moved to the front
    /// of the buffer.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// Marks the first `bytes` bytes of [`room`](Self::room) as content, after the caller has written them.
    pub(super) fn add(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
    }

    /// Returns the bytes in the buffer.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns how many bytes the buffer can hold.
    pub(super) fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Returns whether the buffer is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Removes `bytes` bytes from the front.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Removes all bytes.
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }
}
