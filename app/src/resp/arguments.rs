//! The arguments of one request, as ranges of the received bytes.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use super::header;
use super::inline::{self, LineError};

/// Maximum number of arguments of a multi-bulk request whose ranges are stored. Later arguments are found by reading
/// the headers of the arguments in between.
pub(super) const INDEXED: usize = 64;

/// The ranges of the first arguments of a request. The memory is allocated once and reused for all requests.
#[derive(Debug)]
pub struct Ranges {
    ranges: Vec<(u32, u32)>,
    limit: usize,
    /// Number of arguments, including those without a range.
    count: usize,
    /// The words of an inline request, with quotes removed.
    line: Vec<u8>,
    /// Whether the ranges refer to `line` instead of the received bytes.
    is_inline: bool,
}

impl Ranges {
    /// Reserves memory for `limit` ranges, and for an inline request of `line_bytes` bytes.
    #[must_use]
    pub fn with_limit(limit: usize, line_bytes: usize) -> Self {
        let (ranges, line) = (Vec::with_capacity(limit), Vec::with_capacity(line_bytes));
        Self { ranges, limit, count: 0, line, is_inline: false }
    }

    /// Returns the arguments of the request that was parsed last. `bytes` must be the bytes that were passed to the
    /// parser.
    #[must_use]
    pub fn within<'a>(&'a self, bytes: &'a [u8]) -> Arguments<'a> {
        let bytes = if self.is_inline { &self.line } else { bytes };
        Arguments { bytes, ranges: &self.ranges, count: self.count }
    }

    pub(super) fn clear(&mut self) {
        self.ranges.clear();
        self.count = 0;
        self.is_inline = false;
    }

    /// Splits a copy of the inline request `line` into words. The received bytes are not changed, because a request may
    /// be parsed again before it is executed.
    pub(super) fn split(&mut self, line: &[u8]) -> Result<(), LineError> {
        let mut text = mem::take(&mut self.line);
        text.clear();
        text.extend_from_slice(line);
        let result = inline::split(&mut text, |range| self.push(range));
        self.line = text;
        self.is_inline = true;
        self.count = self.ranges.len();
        result
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds the range of an argument. Returns `false` if the maximum number of ranges is reached.
    pub(super) fn push(&mut self, range: Range<usize>) -> bool {
        let (Ok(start), Ok(end)) = (u32::try_from(range.start), u32::try_from(range.end)) else {
            return false;
        };
        if self.ranges.len() == self.limit {
            return false;
        }
        self.ranges.push((start, end));
        true
    }

    /// Sets the number of arguments, including those without a range.
    pub(super) fn set_count(&mut self, count: usize) {
        self.count = count;
    }

    /// Reads again the ranges of the first arguments of a request with `count` arguments, all of which were parsed
    /// before. The header of the first argument is at `position` in `bytes`.
    pub(super) fn index(&mut self, bytes: &[u8], mut position: usize, count: usize) {
        self.ranges.clear();
        for _ in 0..count.min(INDEXED) {
            let Some((start, end)) = string(bytes, position) else { break };
            if !self.push(start..end) {
                break;
            }
            position = end + 2;
        }
        self.count = count;
    }
}

/// Returns the start and the end of the bulk string whose header is at `position`. The header was
/// checked before.
fn string(bytes: &[u8], position: usize) -> Option<(usize, usize)> {
    let (start, length) = header::bulk(bytes, position, usize::MAX, true).ok()??;
    Some((start, start + length))
}

/// The arguments of one request. Argument 0 is the name of the command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arguments<'a> {
    bytes: &'a [u8],
    ranges: &'a [(u32, u32)],
    count: usize,
}

/// The position of the next argument when a request is read argument by argument. The cursor is valid as long as the
/// bytes of the request are stored. A command that is sliced over several turns of the server loop stores a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgumentCursor {
    index: usize,
    /// Position, in the bytes of the request, of the header of the next argument that has no range.
    position: usize,
}

impl<'a> Arguments<'a> {
    /// Returns the number of arguments, including the name of the command.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the arguments without the first `count`. All arguments of the request must have ranges.
    #[must_use]
    pub fn skip(&self, count: usize) -> Self {
        let ranges = self.ranges.get(count..).unwrap_or_default();
        Self { bytes: self.bytes, ranges, count: self.count.saturating_sub(count) }
    }

    /// Returns the argument `index`. For arguments after the first 64, this takes time proportional to `index`; a
    /// [cursor](Self::cursor) is faster for reading all of them.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let Some(&(start, end)) = self.ranges.get(index) else { return self.find(index) };
        self.bytes.get(start as usize..end as usize)
    }

    #[cold]
    fn find(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        let mut cursor = self.cursor(self.ranges.len());
        (self.ranges.len()..=index).map_while(|_| self.next(&mut cursor)).last()
    }

    /// Iterates over all arguments, including the name of the command.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let arguments = *self;
        let mut cursor = arguments.cursor(0);
        core::iter::from_fn(move || arguments.next(&mut cursor))
    }

    /// Returns a cursor at the argument `index`. If that argument has no range, the cursor is at the first argument
    /// without a range.
    #[must_use]
    pub fn cursor(&self, index: usize) -> ArgumentCursor {
        let index = index.min(self.ranges.len());
        let behind = self.ranges.last().map_or(0, |(_, end)| *end as usize + 2);
        ArgumentCursor { index, position: behind }
    }

    /// Returns the argument at the cursor and advances the cursor.
    #[inline]
    pub fn next(&self, cursor: &mut ArgumentCursor) -> Option<&'a [u8]> {
        let index = cursor.index;
        if index >= self.count {
            return None;
        }
        cursor.index += 1;
        if let Some(&(start, end)) = self.ranges.get(index) {
            return self.bytes.get(start as usize..end as usize);
        }
        let (start, end) = string(self.bytes, cursor.position)?;
        cursor.position = end + 2;
        self.bytes.get(start..end)
    }
}
