//! Parses the request at the front of a connection's bytes.

use super::arguments::{INDEXED, Ranges};
use super::error::ProtocolError;
use super::header::{self, UNADMITTED_BYTES_MAX};
use super::inline::LineError;
use super::number;

/// Maximum arguments of a client that has not authenticated, as in Redis.
const UNADMITTED_ARGUMENTS_MAX: usize = 10;

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum bytes of an inline request.
    pub inline_bytes: usize,
    /// Maximum bytes of a bulk string.
    pub bulk_bytes: usize,
    /// Maximum arguments of a request.
    pub arguments: usize,
    /// Size of the buffer: a request with an argument that ends beyond it is [`Parsed::Oversize`]. An
    /// inline request and its line end always fit.
    pub held_bytes: usize,
    /// Whether the client has authenticated, or needs no password. Until then lower limits apply.
    pub is_admitted: bool,
}

impl Limits {
    /// Returns the longest bulk string that the fast path accepts.
    fn plain_bytes(&self) -> usize {
        if self.is_admitted { self.bulk_bytes } else { self.bulk_bytes.min(UNADMITTED_BYTES_MAX) }
    }
}

/// The result of [`parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The request is not complete.
    Incomplete,
    /// A request without arguments: an empty line, `*0`, `*-1`. It gets no reply.
    Empty {
        /// Number of bytes to skip.
        consumed: usize,
    },
    /// A complete request; its arguments are in the ranges.
    Request {
        /// Number of bytes to skip after the request was served.
        consumed: usize,
    },
    /// A request with an argument that cannot be held. The arguments before it are in the ranges.
    Oversize(Oversize),
    /// A request with more arguments than allowed. They follow the consumed bytes. An inline request is
    /// consumed whole.
    TooMany(Oversize),
    /// The bytes are malformed, and no later request can be found.
    Broken(ProtocolError),
}

/// The position in a request from which on it cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversize {
    /// Number of bytes before the first byte of the argument.
    pub consumed: usize,
    /// Length of the argument; `None` if its header was not parsed.
    pub length: Option<usize>,
    /// Number of arguments behind it.
    pub following: usize,
}

/// The parsed part of an incomplete request, so that its bytes are not parsed again when more arrive.
/// The caller resets it to the default when the request ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// Position of the header of the first argument.
    first: usize,
    /// Position of the header of the next argument.
    position: usize,
    /// Number of parsed arguments.
    index: usize,
    /// Number of arguments of the request; 0 if its header was not parsed.
    count: usize,
}

impl Resume {
    /// Expects `count` arguments without the header of a request. The first is at `position`.
    #[must_use]
    pub fn at_arguments(position: usize, count: usize) -> Self {
        Self { first: position, position, index: 0, count }
    }

    /// Returns whether a request was parsed in part.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.count > 0
    }

    /// Returns the rest of the request, which the caller discards.
    #[must_use]
    pub fn rest(&self) -> Oversize {
        let following = self.count - self.index;
        Oversize { consumed: self.position, length: None, following }
    }
}

/// Parses the request at the front of `bytes`, from the position where an earlier call stopped.
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
    let (position, count) = match header::plain(bytes, 0) {
        Some(found) => found,
        None => {
            let Some(header) = header::find(bytes, 0) else {
                header::check_unfinished(bytes, 0, ProtocolError::MultibulkCountTooLong)?;
                return Ok(Parsed::Incomplete);
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

/// Parses the remaining arguments of a request.
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
    // The arguments before one that does not fit are still available.
    let keep = |arguments: &mut Ranges, count| match from.index {
        0 => arguments.set_count(count),
        _ => arguments.index(bytes, from.first, count),
    };
    for index in from.index..count {
        let header = match header::plain_bulk(bytes, position, plain_bytes) {
            None => header::bulk(bytes, position, limits.bulk_bytes, limits.is_admitted)?,
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
            // The buffer is full before the end of the header: the request is oversize, and the length of
            // this argument is not known. With free space left the argument may still fit.
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
    // A long request that is served in a later turn is not parsed again.
    if from.index > 0 || count > INDEXED {
        *resume = Resume { position, index: count, ..from };
    }
    Ok(Parsed::Request { consumed: position })
}

#[cfg(test)]
mod tests;
