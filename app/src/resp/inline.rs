//! Splits inline requests into words. An inline request is a line of words with the quoting rules of Redis.

use core::ops::Range;

/// Reasons for which a line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineError {
    /// A quote is not closed, or the closing quote is not followed by a space.
    Quotes,
    /// The line has more words than ranges can be stored.
    TooMany,
}

/// Splits a line into words and passes the range of each word to `push`. Quotes and escapes are removed in place, which
/// is possible because a word is never longer than its quoted form. `push` returns `false` to refuse a word.
pub(super) fn split(
    line: &mut [u8],
    mut push: impl FnMut(Range<usize>) -> bool,
) -> Result<(), LineError> {
    // A NUL byte ends the line, because Redis treats the line as a C string.
    let end = line.iter().position(|byte| *byte == 0).unwrap_or(line.len());
    let line = &mut line[..end];
    let mut read = 0;
    let mut write = 0;
    loop {
        while line.get(read).is_some_and(|byte| is_space(*byte)) {
            read += 1;
        }
        if read >= line.len() {
            return Ok(());
        }
        // Words without their quotes are written towards the front of the line. `write` is never greater than `read`.
        let start = write;
        (read, write) = word(line, read, write)?;
        if !push(start..write) {
            return Err(LineError::TooMany);
        }
    }
}

/// Copies one word from the position `read` to the position `write`, without quotes and escapes. Returns both positions
/// behind the word.
fn word(line: &mut [u8], mut read: usize, mut write: usize) -> Result<(usize, usize), LineError> {
    while let Some(&byte) = line.get(read) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' => (read, write) = double_quoted(line, read + 1, write)?,
            b'\'' => (read, write) = single_quoted(line, read + 1, write)?,
            _ => {
                line[write] = byte;
                read += 1;
                write += 1;
                continue;
            }
        }
        // A closing quote must be followed by a space or the end of the line.
        if line.get(read).is_some_and(|byte| !is_space(*byte)) {
            return Err(LineError::Quotes);
        }
        break;
    }
    Ok((read, write))
}

fn double_quoted(
    line: &mut [u8],
    mut read: usize,
    mut write: usize,
) -> Result<(usize, usize), LineError> {
    loop {
        let byte = match (line.get(read), line.get(read + 1)) {
            (None, _) => return Err(LineError::Quotes),
            (Some(b'"'), _) => return Ok((read + 1, write)),
            (Some(b'\\'), Some(b'x')) => match hex_pair(line, read + 2) {
                Some(value) => {
                    read += 4;
                    value
                }
                None => {
                    read += 2;
                    b'x'
                }
            },
            (Some(b'\\'), Some(&escaped)) => {
                read += 2;
                unescape(escaped)
            }
            (Some(&byte), _) => {
                read += 1;
                byte
            }
        };
        line[write] = byte;
        write += 1;
    }
}

fn single_quoted(
    line: &mut [u8],
    mut read: usize,
    mut write: usize,
) -> Result<(usize, usize), LineError> {
    loop {
        let byte = match (line.get(read), line.get(read + 1)) {
            (None, _) => return Err(LineError::Quotes),
            (Some(b'\''), _) => return Ok((read + 1, write)),
            (Some(b'\\'), Some(b'\'')) => {
                read += 2;
                b'\''
            }
            (Some(&byte), _) => {
                read += 1;
                byte
            }
        };
        line[write] = byte;
        write += 1;
    }
}

fn hex_pair(line: &[u8], at: usize) -> Option<u8> {
    let digit = |index: usize| char::from(*line.get(index)?).to_digit(16);
    u8::try_from(digit(at)? * 16 + digit(at + 1)?).ok()
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

/// Returns whether a byte is white space, as `isspace` of C does.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::arguments::Ranges;

    fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, LineError> {
        let mut ranges = Ranges::with_limit(4, 64);
        ranges.split(line)?;
        Ok(ranges.within(&[]).iter().map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn plain_words_are_split_at_spaces() {
        assert_eq!(words(b"  VFREE\t1  22 ").unwrap(), [&b"VFREE"[..], b"1", b"22"]);
        assert!(words(b"").unwrap().is_empty());
        assert!(words(b" \t ").unwrap().is_empty());
        assert_eq!(words(b"1 2 3 4 5"), Err(LineError::TooMany));
        assert_eq!(words(b"a\0b c").unwrap(), [&b"a"[..]]);
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(words(br#"a "b c" 'd "e'"#).unwrap(), [&b"a"[..], b"b c", b"d \"e"]);
        assert_eq!(words(br#""\x41\n\"\q\xzz""#).unwrap(), [&b"A\n\"qxzz"[..]]);
        assert_eq!(words(br"'it\'s' '\n'").unwrap(), [&b"it's"[..], br"\n"]);
        assert_eq!(words(br#"foo"bar" """#).unwrap(), [&b"foobar"[..], b""]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [&br#""abc"#[..], b"'abc", br#""a"b"#, br"'a'b", br#""abc\"#, br#""abc\""#] {
            assert_eq!(words(line), Err(LineError::Quotes), "{line:?}");
        }
    }
}
