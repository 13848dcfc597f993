//! Reads the header lines of requests. A header line consists of a type byte, a number and a line end.

use core::ops::Range;

use super::error::ProtocolError;
use super::number;

/// Maximum length, in bytes, of a header line whose end has not arrived. A valid header line is shorter: the type byte,
/// a sign and 19 digits. Redis allows 64 KiB.
const HEADER_BYTES_MAX: usize = 64;

/// Maximum length, in bytes, of an argument from a client that has not authenticated, as in Redis.
pub(super) const UNADMITTED_BYTES_MAX: usize = 16 << 10;

/// Maximum number of digits in a header that the fast path reads.
const PLAIN_DIGITS_MAX: usize = 8;

/// The position of a complete header line.
pub(super) struct HeaderLine {
    /// Position of the digits.
    pub(super) digits: Range<usize>,
    /// Position behind the line end.
    pub(super) end: usize,
}

/// Reads the header of a bulk string at `position`. Returns the start and the length of the string, or `None` if the
/// header is not complete. `bulk_bytes` is the maximum length. `is_admitted` tells whether the client has
/// authenticated.
pub(super) fn bulk(
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
    let Some(header) = find(bytes, position) else {
        return check_unfinished(bytes, position, ProtocolError::BulkCountTooLong).map(|()| None);
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

/// The fast path of [`bulk`] for the usual headers. If it returns `None`, the caller must call [`bulk`].
#[inline]
pub(super) fn plain_bulk(
    bytes: &[u8],
    position: usize,
    bulk_bytes: usize,
) -> Option<(usize, usize)> {
    let is_bulk = bytes.get(position) == Some(&b'$');
    plain(bytes, position).filter(|(_, length)| is_bulk && *length <= bulk_bytes)
}

/// Reads a header line of the usual form: complete, with at most eight digits, without a sign or a leading zero.
/// Returns the position behind the line and the number, or `None` for any other header.
#[inline]
pub(super) fn plain(bytes: &[u8], position: usize) -> Option<(usize, usize)> {
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

/// Finds the header line whose type byte is at `position`. Returns `None` if the line is not complete. As in Redis, the
/// byte after the CR is assumed to be LF and is not checked.
pub(super) fn find(bytes: &[u8], position: usize) -> Option<HeaderLine> {
    let start = position + 1;
    let length = bytes.get(start..)?.iter().position(|byte| *byte == b'\r')?;
    let end = start + length + 2;
    (end <= bytes.len()).then_some(HeaderLine { digits: start..start + length, end })
}

/// Checks that the incomplete header line at `position` can still become valid. Returns `too_long` if it is already
/// longer than any valid one.
pub(super) fn check_unfinished(
    bytes: &[u8],
    position: usize,
    too_long: ProtocolError,
) -> Result<(), ProtocolError> {
    if bytes.len() - position > HEADER_BYTES_MAX { Err(too_long) } else { Ok(()) }
}
