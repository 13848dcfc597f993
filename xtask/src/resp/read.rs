//! Reads and parses replies from a connection.

use std::io::{self, BufRead, Read};

use super::reply::Reply;

/// Maximum nesting of arrays that is accepted. Replies of the service have at most 3 levels.
pub(super) const DEPTH_MAX: usize = 16;
/// Maximum length of a bulk string that is accepted, which is the limit of Redis.
pub(super) const BULK_BYTES_MAX: u64 = 512 << 20;
/// Maximum length of a line that is accepted.
pub(super) const LINE_BYTES_MAX: u64 = 1 << 20;

impl Reply {
    /// Reads one reply.
    ///
    /// # Errors
    /// The connection failed or ended, or the bytes are neither RESP2 nor RESP3.
    pub(crate) fn read(source: &mut impl BufRead) -> io::Result<Self> {
        read(source, DEPTH_MAX)
    }
}

fn read(source: &mut impl BufRead, depth: usize) -> io::Result<Reply> {
    let line = read_line(source)?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| invalid("an empty line"))?;
    match kind {
        "+" => Ok(Reply::Status(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => Ok(Reply::Integer(number(rest)?)),
        "$" => Ok(Reply::Bulk(length(rest)?.map(|bytes| read_bulk(source, bytes)).transpose()?)),
        "*" => Ok(Reply::Array(
            length(rest)?.map(|count| read_array(source, count, depth)).transpose()?,
        )),
        "_" if rest.is_empty() => Ok(Reply::Null),
        "#" => match rest {
            "t" => Ok(Reply::Boolean(true)),
            "f" => Ok(Reply::Boolean(false)),
            _ => Err(invalid(&format!("{rest:?} for a boolean"))),
        },
        "," => Ok(Reply::Double(double(rest)?.to_owned())),
        "(" => Ok(Reply::BigNumber(big_number(rest)?.to_owned())),
        "=" => Ok(Reply::Verbatim(verbatim(read_bulk(source, count(rest)?)?)?)),
        "!" => {
            let bytes = read_bulk(source, count(rest)?)?;
            Ok(Reply::Error(String::from_utf8_lossy(&bytes).into_owned()))
        }
        "%" => Ok(Reply::Map(read_map(source, count(rest)?, depth)?)),
        "~" => Ok(Reply::Set(read_array(source, count(rest)?, depth)?)),
        ">" => Ok(Reply::Push(read_array(source, count(rest)?, depth)?)),
        "|" => {
            // Attributes describe the reply after them, and no caller needs them.
            read_map(source, count(rest)?, depth)?;
            read(source, depth.checked_sub(1).ok_or_else(|| invalid("too many attributes"))?)
        }
        _ => Err(invalid(&format!("a reply that begins with {kind:?}"))),
    }
}

fn read_map(
    source: &mut impl BufRead,
    count: u64,
    depth: usize,
) -> io::Result<Vec<(Reply, Reply)>> {
    let depth = depth.checked_sub(1).ok_or_else(|| invalid("maps nested too deep"))?;
    (0..count).map(|_| Ok((read(source, depth)?, read(source, depth)?))).collect()
}

fn double(text: &str) -> io::Result<&str> {
    let is_word = ["inf", "-inf", "nan", "-nan"].contains(&text);
    let is_number = || text.parse::<f64>().is_ok() && !text.contains(['i', 'I', 'n', 'N']);
    if is_word || is_number() { Ok(text) } else { Err(invalid(&format!("{text:?} for a double"))) }
}

fn big_number(text: &str) -> io::Result<&str> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(text).ok_or_else(|| invalid(&format!("{text:?} for a big number")))
}

/// Removes the format, as in `txt:`.
fn verbatim(mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if bytes.get(3) != Some(&b':') {
        return Err(invalid("a verbatim string without its format"));
    }
    Ok(bytes.split_off(4))
}

/// Parses a length that must not be null.
fn count(text: &str) -> io::Result<u64> {
    length(text)?.ok_or_else(|| invalid("a null where RESP3 has none"))
}

fn read_array(source: &mut impl BufRead, count: u64, depth: usize) -> io::Result<Vec<Reply>> {
    let depth = depth.checked_sub(1).ok_or_else(|| invalid("arrays nested too deep"))?;
    (0..count).map(|_| read(source, depth)).collect()
}

fn read_bulk(source: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    if length > BULK_BYTES_MAX {
        return Err(invalid(&format!("a bulk string of {length} bytes")));
    }
    let mut bytes = Vec::new();
    source.take(length + 2).read_to_end(&mut bytes)?;
    if !bytes.ends_with(b"\r\n") || bytes.len() as u64 != length + 2 {
        return Err(invalid("a bulk string without its end"));
    }
    bytes.truncate(bytes.len() - 2);
    Ok(bytes)
}

fn read_line(source: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    source.take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    match bytes.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None if bytes.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Err(invalid("a line without its end")),
    }
}

/// Parses a length. `-1` stands for null, and other negative numbers are errors.
pub(super) fn length(text: &str) -> io::Result<Option<u64>> {
    match number(text)? {
        -1 => Ok(None),
        length => length.try_into().map(Some).map_err(|_| invalid("a negative length")),
    }
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(|_| invalid(&format!("{text:?} for a number")))
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent {what}"))
}
