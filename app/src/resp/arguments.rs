//! The arguments of one request, as ranges into the bytes that hold it.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use super::inline::{self, LineError};

/// Room for the arguments of one request. Reserved once, used for every request.
#[derive(Debug)]
pub struct Ranges {
    ranges: Vec<(u32, u32)>,
    limit: usize,
    /// The words of an inline request, without their quotes.
    line: Vec<u8>,
    /// Whether the ranges are those of the line.
    is_inline: bool,
}

impl Ranges {
    /// Reserves room for `limit` arguments, and for an inline request of `line_bytes` bytes.
    #[must_use]
    pub fn with_limit(limit: usize, line_bytes: usize) -> Self {
        let (ranges, line) = (Vec::with_capacity(limit), Vec::with_capacity(line_bytes));
        Self { ranges, limit, line, is_inline: false }
    }

    /// Looks the ranges up in the bytes that they were made from.
    #[must_use]
    pub fn within<'a>(&'a self, bytes: &'a [u8]) -> Arguments<'a> {
        let bytes = if self.is_inline { &self.line } else { bytes };
        Arguments { bytes, ranges: &self.ranges }
    }

    /// How many arguments there may be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn clear(&mut self) {
        self.ranges.clear();
        self.is_inline = false;
    }

    /// Splits a line into words. The line stays as it is, because a request may be parsed again
    /// before it is served.
    pub(super) fn split(&mut self, line: &[u8]) -> Result<(), LineError> {
        let mut text = mem::take(&mut self.line);
        text.clear();
        text.extend_from_slice(line);
        let result = inline::split(&mut text, self);
        self.line = text;
        self.is_inline = true;
        result
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds an argument; `false` where there is no room.
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
}

/// The arguments of one request; the first is the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    bytes: &'a [u8],
    ranges: &'a [(u32, u32)],
}

impl<'a> Arguments<'a> {
    /// How many there are, with the name.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ranges.len()
    }

    /// All but the first `count`: the request that another one contains.
    #[must_use]
    pub fn skip(&self, count: usize) -> Self {
        Self { bytes: self.bytes, ranges: self.ranges.get(count..).unwrap_or_default() }
    }

    /// One of them; 0 is the name.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let &(start, end) = self.ranges.get(index)?;
        self.bytes.get(start as usize..end as usize)
    }

    /// All of them, with the name.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let arguments = *self;
        (0..arguments.count()).filter_map(move |index| arguments.get(index))
    }
}
