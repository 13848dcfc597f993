//! Determines the length of a reply whose bytes may be incomplete.

use std::io;

use super::read::{BULK_BYTES_MAX, DEPTH_MAX, LINE_BYTES_MAX, invalid, length};

/// Returns the length of the first reply, or `None` while it is incomplete.
///
/// # Errors
/// The bytes can never become a reply.
pub(crate) fn whole(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut end = 0;
    // The number of missing items of each array that has begun.
    let mut open = vec![1_u64];
    while let Some(items) = open.last_mut() {
        if *items == 0 {
            open.pop();
            continue;
        }
        *items -= 1;
        let Some(line) = line(&bytes[end..])? else { return Ok(None) };
        end += line.len() + 2;
        match line.split_first() {
            Some((b'$' | b'=' | b'!', text)) => end += bulk(text)?,
            Some((b'*' | b'%' | b'~' | b'>' | b'|', _)) if open.len() > DEPTH_MAX => {
                return Err(invalid("arrays nested too deep"));
            }
            Some((b'*' | b'~' | b'>', text)) => open.push(number(text)?.unwrap_or(0)),
            Some((b'%', text)) => open.push(pairs(text)?),
            // Attributes precede the reply that they describe, so one more item follows.
            Some((b'|', text)) => open.push(pairs(text)?.saturating_add(1)),
            _ => {}
        }
        if end > bytes.len() {
            return Ok(None);
        }
    }
    Ok(Some(end))
}

/// Returns the line at the beginning, without its end.
fn line(bytes: &[u8]) -> io::Result<Option<&[u8]>> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    match end.map(|end| bytes[..end].strip_suffix(b"\r")) {
        Some(Some(line)) => Ok(Some(line)),
        None if (bytes.len() as u64) < LINE_BYTES_MAX => Ok(None),
        _ => Err(invalid("a line without its end")),
    }
}

/// Returns the length of a bulk string with its line end.
fn bulk(text: &[u8]) -> io::Result<usize> {
    match number(text)? {
        None => Ok(0),
        Some(length) if length <= BULK_BYTES_MAX => {
            usize::try_from(length + 2).map_err(|_| invalid("a bulk string without end"))
        }
        Some(length) => Err(invalid(&format!("a bulk string of {length} bytes"))),
    }
}

/// Returns the number of items in a number of pairs.
fn pairs(text: &[u8]) -> io::Result<u64> {
    let count = number(text)?.unwrap_or(0);
    count.checked_mul(2).ok_or_else(|| invalid("a map without end"))
}

fn number(text: &[u8]) -> io::Result<Option<u64>> {
    length(&String::from_utf8_lossy(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Reply;

    #[test]
    fn a_reply_is_whole_at_its_last_byte() {
        for reply in [
            "+OK\r\n",
            "-ERR no\r\n",
            ":-7\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$4\r\na\r\nb\r\n",
            "*0\r\n",
            "*-1\r\n",
            "*2\r\n*2\r\n:1\r\n$1\r\na\r\n*0\r\n",
            "_\r\n",
            ",1.5\r\n",
            "=7\r\ntxt:a\r\n\r\n",
            "!5\r\nERR x\r\n",
            "%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n#t\r\n",
            ">1\r\n%0\r\n",
            "|1\r\n+ttl\r\n:1\r\n*1\r\n+a\r\n",
            "*1\r\n|1\r\n+ttl\r\n:1\r\n+a\r\n",
        ] {
            let bytes = [reply, "+next"].concat();
            for end in 0..reply.len() {
                assert_eq!(whole(&bytes.as_bytes()[..end]).unwrap(), None, "{reply:?} to {end}");
            }
            assert_eq!(whole(bytes.as_bytes()).unwrap(), Some(reply.len()), "{reply:?}");
            assert!(Reply::read(&mut reply.as_bytes()).is_ok());
        }
    }

    #[test]
    fn bytes_that_can_never_be_a_reply_are_an_error() {
        for bytes in ["+OK\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "$99999999999\r\n"] {
            assert!(whole(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
        assert!(whole("*1\r\n".repeat(DEPTH_MAX + 2).as_bytes()).is_err());
    }
}
