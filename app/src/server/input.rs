//! Bytes on their way: come and not served yet, or written and not sent.

/// A linear buffer: what is in it is one slice, wherever the network's ring wraps.
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

    /// Where more bytes go: everything behind what is there, which is moved to the front.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// Notes that so many bytes were put into the room.
    pub(super) fn add(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
    }

    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Bytes that can be there.
    pub(super) fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing is there.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Steps over what was served.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }
}
