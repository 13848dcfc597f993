//! What stands at the front of a connection's bytes.

use core::ops::Range;

use super::arguments::{INDEXED, Ranges};
use super::error::ProtocolError;
use super::inline::LineError;
use super::number;

/// Longest header line that is waited for: `*`, a sign, 19 digits and some slack. Redis waits for
/// 64 KiB of them, which no valid header needs.
const HEADER_BYTES_MAX: usize = 64;

/// Arguments of a request before the password was said, as in Redis.
const UNADMITTED_ARGUMENTS_MAX: usize = 10;

/// Longest argument before the password was said, as in Redis.
const UNADMITTED_BYTES_MAX: usize = 16 << 10;

/// Digits of a header that is read in one pass.
const PLAIN_DIGITS_MAX: usize = 8;

/// What a connection may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest inline request.
    pub inline_bytes: usize,
    /// Longest bulk string.
    pub bulk_bytes: usize,
    /// Arguments of one request.
    pub arguments: usize,
    /// Bytes that can be held: a request with an argument that ends beyond them is
    /// [`Parsed::Oversize`]. At least an inline request and its line end.
    pub held_bytes: usize,
    /// Whether the client needs no password, or has said it. Before that Redis takes little.
    pub is_admitted: bool,
}

impl Limits {
    /// Longest bulk string that is taken without a further look.
    fn plain_bytes(&self) -> usize {
        if self.is_admitted { self.bulk_bytes } else { self.bulk_bytes.min(UNADMITTED_BYTES_MAX) }
    }
}

/// What stands at the front of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Nothing whole yet.
    Incomplete,
    /// A request without arguments: an empty line, `*0`, `*-1`. It gets no reply.
    Empty {
        /// Bytes to step over.
        consumed: usize,
    },
    /// A whole request; its arguments are in the ranges.
    Request {
        /// Bytes to step over once it was served.
        consumed: usize,
    },
    /// A request with an argument that cannot be held; those before it are in the ranges.
    Oversize(Oversize),
    /// A request with more arguments than allowed. They stand behind the consumed bytes; an inline request
    /// leaves none behind.
    TooMany(Oversize),
    /// Nothing that follows can be understood.
    Broken(ProtocolError),
}

/// Where a request stops fitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversize {
    /// Bytes before the argument's first byte.
    pub consumed: usize,
    /// Bytes of the argument, `None` where its header has not been read.
    pub length: Option<usize>,
    /// Arguments of the request that follow it.
    pub following: usize,
}

/// How far the request at the front was parsed, so that bytes that come later cost no second look at
/// those before them. To be replaced by the default when the request is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// Where the header of its first argument stands.
    first: usize,
    /// Where the header of the next argument stands.
    position: usize,
    /// Arguments before it.
    index: usize,
    /// Arguments of the request; 0 where nothing is known of it.
    count: usize,
}

impl Resume {
    /// Expects `count` arguments without a header of their own, the first at `position`.
    #[must_use]
    pub fn at_arguments(position: usize, count: usize) -> Self {
        Self { first: position, position, index: 0, count }
    }

    /// Whether a request was parsed in part.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.count > 0
    }

    /// The rest of the request, to be skipped.
    #[must_use]
    pub fn rest(&self) -> Oversize {
        let following = self.count - self.index;
        Oversize { consumed: self.position, length: None, following }
    }
}

/// Parses the request at the front of `bytes`, from where an earlier look at it ended.
pub fn parse(bytes: &[u8], limits: &Limits, arguments: &mut Ranges, resume: &mut Resume) -> Parsed {
    arguments.clear();
    let result = match bytes.first() {
        _ if resume.is_begun() => strings(bytes, limits, arguments, *resume, resume),
        None => return Parsed::Incomplete,
        Some(b'*') => multibulk(bytes, limits, arguments, resume),
        Some(_) => line(bytes, limits, arguments),
    };
    result.unwrap_or_else(Parsed::Broken)
}

fn line(bytes: &[u8], limits: &Limits, arguments: &mut Ranges) -> Result<Parsed, ProtocolError> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() > limits.inline_bytes {
            Err(ProtocolError::InlineTooLong)
        } else {
            Ok(Parsed::Incomplete)
        };
    };
    if end > limits.inline_bytes {
        return Err(ProtocolError::InlineTooLong);
    }
    let text = &bytes[..end];
    let text = match text.split_last() {
        Some((b'\r', rest)) => rest,
        _ => text,
    };
    let too_many = Parsed::TooMany(Oversize { consumed: end + 1, length: None, following: 0 });
    match arguments.split(text) {
        Ok(()) if arguments.is_empty() => Ok(Parsed::Empty { consumed: end + 1 }),
        Ok(()) if arguments.within(&[]).count() > limits.arguments => Ok(too_many),
        Ok(()) => Ok(Parsed::Request { consumed: end + 1 }),
        Err(LineError::Quotes) => Err(ProtocolError::UnbalancedQuotes),
        Err(LineError::TooMany) => Ok(too_many),
    }
}

fn multibulk(
    bytes: &[u8],
    limits: &Limits,
    arguments: &mut Ranges,
    resume: &mut Resume,
) -> Result<Parsed, ProtocolError> {
    let (position, count) = match plain_header(bytes, 0) {
        Some(found) => found,
        None => {
            let Some(header) = header(bytes, 0) else {
                return incomplete(bytes, 0, ProtocolError::MultibulkCountTooLong);
            };
            let count =
                number::signed(&bytes[header.digits]).ok_or(ProtocolError::MultibulkLength)?;
            if count <= 0 {
                return Ok(Parsed::Empty { consumed: header.end });
            }
            let count = i32::try_from(count).map_err(|_| ProtocolError::MultibulkLength)?;
            (header.end, usize::try_from(count).map_err(|_| ProtocolError::MultibulkLength)?)
        }
    };
    if !limits.is_admitted && count > UNADMITTED_ARGUMENTS_MAX {
        return Err(ProtocolError::UnadmittedMultibulk);
    }
    if count > limits.arguments {
        let following = count;
        return Ok(Parsed::TooMany(Oversize { consumed: position, length: None, following }));
    }
    strings(bytes, limits, arguments, Resume::at_arguments(position, count), resume)
}

/// Parses the arguments that are left of a request.
#[inline]
fn strings(
    bytes: &[u8],
    limits: &Limits,
    arguments: &mut Ranges,
    from: Resume,
    resume: &mut Resume,
) -> Result<Parsed, ProtocolError> {
    let (mut position, count) = (from.position, from.count);
    let plain_bytes = limits.plain_bytes();
    // Where an argument does not fit, those before it may still be looked at.
    let keep = |arguments: &mut Ranges, count| match from.index {
        0 => arguments.set_count(count),
        _ => arguments.index(bytes, from.first, count),
    };
    for index in from.index..count {
        let header = match plain_bulk(bytes, position, plain_bytes) {
            None => bulk_header(bytes, position, limits.bulk_bytes, limits.is_admitted)?,
            found => found,
        };
        match header {
            Some((start, length)) if start + length + 2 > limits.held_bytes => {
                keep(arguments, index);
                let (consumed, following) = (start, count - index - 1);
                let length = Some(length);
                return Ok(Parsed::Oversize(Oversize { consumed, length, following }));
            }
            Some((start, length)) if start + length + 2 <= bytes.len() => {
                if from.index == 0 && index < INDEXED {
                    arguments.push(start..start + length);
                }
                position = start + length + 2;
            }
            // There is no room for the rest of its header: an oversize request whose next argument is
            // not known yet. While there is room it may still fit.
            None if bytes.len() >= limits.held_bytes => {
                keep(arguments, index);
                let (consumed, following) = (position, count - index);
                return Ok(Parsed::Oversize(Oversize { consumed, length: None, following }));
            }
            _ => {
                *resume = Resume { position, index, ..from };
                return Ok(Parsed::Incomplete);
            }
        }
    }
    keep(arguments, count);
    // A long request that has to wait is not parsed again.
    if from.index > 0 || count > INDEXED {
        *resume = Resume { position, index: count, ..from };
    }
    Ok(Parsed::Request { consumed: position })
}

/// Reads the header of a bulk string at `position`: where its bytes start, and how many they are.
/// `None` where it is not whole yet.
pub(super) fn bulk_header(
    bytes: &[u8],
    position: usize,
    bulk_bytes: usize,
    is_admitted: bool,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    match bytes.get(position) {
        None => return Ok(None),
        Some(b'$') => {}
        Some(&found) => return Err(ProtocolError::ExpectedDollar { found }),
    }
    let Some(header) = header(bytes, position) else {
        return incomplete(bytes, position, ProtocolError::BulkCountTooLong).map(|_| None);
    };
    let length = number::signed(&bytes[header.digits])
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length <= bulk_bytes)
        .ok_or(ProtocolError::BulkLength)?;
    if !is_admitted && length > UNADMITTED_BYTES_MAX {
        return Err(ProtocolError::UnadmittedBulk);
    }
    Ok(Some((header.end, length)))
}

/// As [`bulk_header`], for nearly all; `None` says nothing.
#[inline]
fn plain_bulk(bytes: &[u8], position: usize, bulk_bytes: usize) -> Option<(usize, usize)> {
    let is_bulk = bytes.get(position) == Some(&b'$');
    plain_header(bytes, position).filter(|(_, length)| is_bulk && *length <= bulk_bytes)
}

/// Reads a header as nearly all are: whole, a few digits, no zero or sign in front. Where its line
/// ends, and its number; `None` says nothing about any other.
#[inline]
fn plain_header(bytes: &[u8], position: usize) -> Option<(usize, usize)> {
    let line = bytes.get(position + 1..)?;
    let (mut at, mut value) = (0, 0);
    let end = loop {
        let byte = *line.get(at)?;
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break byte;
        }
        if at == PLAIN_DIGITS_MAX {
            return None;
        }
        value = value * 10 + usize::from(digit);
        at += 1;
    };
    let is_plain = end == b'\r' && value > 0 && line[0] != b'0' && at + 1 < line.len();
    is_plain.then_some((position + at + 3, value))
}

struct Header {
    digits: Range<usize>,
    end: usize,
}

/// Finds the line that starts with a type byte at `position`. As in Redis, the byte after the CR
/// is taken for the LF without a look.
fn header(bytes: &[u8], position: usize) -> Option<Header> {
    let start = position + 1;
    let length = bytes.get(start..)?.iter().position(|byte| *byte == b'\r')?;
    let end = start + length + 2;
    (end <= bytes.len()).then_some(Header { digits: start..start + length, end })
}

fn incomplete(
    bytes: &[u8],
    position: usize,
    too_long: ProtocolError,
) -> Result<Parsed, ProtocolError> {
    if bytes.len() - position > HEADER_BYTES_MAX { Err(too_long) } else { Ok(Parsed::Incomplete) }
}

#[cfg(test)]
mod tests;
