//! Parses the request at the front of the bytes that a connection has received.

use super::arguments::{INDEXED, Ranges};
use super::error::ProtocolError;
use super::header::{self, UNADMITTED_BYTES_MAX};
use super::inline::LineError;
use super::number;

/// Maximum number of arguments in a request from a client that has not authenticated, as in Redis.
const UNADMITTED_ARGUMENTS_MAX: usize = 10;

/// The limits for requests of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum bytes of an inline request.
    pub inline_bytes: usize,
    /// Maximum bytes of a bulk string.
    pub bulk_bytes: usize,
    /// Maximum arguments of a request.
    pub arguments: usize,
    /// Size of the receive buffer in bytes. A request with an argument that ends beyond this size is
    /// [`Parsed::Oversize`]. The size must be enough for any inline request.
    pub held_bytes: usize,
    /// Whether the client has authenticated, or needs no password. Otherwise lower limits apply.
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
    /// A request without arguments (an empty line, `*0` or `*-1`), which gets no reply.
    Empty {
        /// Number of bytes to skip.
        consumed: usize,
    },
    /// A complete request. Its arguments are in the [`Ranges`].
    Request {
        /// Number of bytes to skip after the request has been executed.
        consumed: usize,
    },
    /// A request with an argument that is too large for the receive buffer. The arguments before it are in the
    /// [`Ranges`].
    Oversize(Oversize),
    /// A request with more arguments than allowed. The arguments follow the consumed bytes; of an inline request, all
    /// bytes are consumed.
    TooMany(Oversize),
    /// The bytes are malformed, so the start of the next request cannot be found.
    Broken(ProtocolError),
}

/// The argument of a request from which on the request is not stored, but must be discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversize {
    /// Number of bytes before the first byte of the argument, or before its header if that was not parsed.
    pub consumed: usize,
    /// Length of the argument; `None` if its header was not parsed.
    pub length: Option<usize>,
    /// Number of arguments that follow. An argument whose header was not parsed is included.
    pub following: usize,
}

/// The position up to which an incomplete request has been parsed, so that its bytes are not parsed again when more
/// bytes arrive. The caller must reset the value to the default when the request ends.
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
    /// Creates the position of a request whose own header was already removed: `count` arguments follow, and the header
    /// of the first one is at `position`.
    #[must_use]
    pub fn at_arguments(position: usize, count: usize) -> Self {
        Self { first: position, position, index: 0, count }
    }

    /// Returns whether the header of a request has been parsed.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.count > 0
    }

    /// Returns the part of the request that has not been parsed, if the caller wants to discard the rest.
    #[must_use]
    pub fn rest(&self) -> Oversize {
        let following = self.count - self.index;
        Oversize { consumed: self.position, length: None, following }
    }
}

/// Parses the request at the front of `bytes`. Parsing continues at the position `resume` at which an earlier call
/// stopped.
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

/// Parses the arguments of a request that have not been parsed yet.
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
    // The arguments before an oversize one are still available to the caller.
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
            // If the buffer is full before the end of the header, the request is oversize, and the length of this
            // argument is not known. If the buffer has free space, the argument may still fit.
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
    // If a long request is executed in a later turn of the server loop, its arguments are not parsed again.
    if from.index > 0 || count > INDEXED {
        *resume = Resume { position, index: count, ..from };
    }
    Ok(Parsed::Request { consumed: position })
}

#[cfg(test)]
mod tests;
