//! Splits a line into words like `redis-cli` does on its standard input.

/// Splits a line into words between blanks, with `"…"` (and `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH` in it) and
/// `'…'` (and `\'` in it). Returns `None` if a quote stays open or text follows directly after one.
pub(crate) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii();
    while !rest.is_empty() {
        let (word, behind) = word(rest)?;
        words.push(word);
        rest = behind.trim_ascii_start();
    }
    Some(words)
}

/// Reads one word, which may have quoted parts, the last of which ends it.
fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    while let Some((&byte, behind)) = rest.split_first() {
        match byte {
            b'"' | b'\'' => {
                let behind = quoted(byte, behind, &mut word)?;
                let is_end = behind.first().is_none_or(u8::is_ascii_whitespace);
                return is_end.then_some((word, behind));
            }
            _ if byte.is_ascii_whitespace() => break,
            _ => word.push(byte),
        }
        rest = behind;
    }
    Some((word, rest))
}

/// Reads the rest of a quoted part and returns the text after its end.
fn quoted<'a>(quote: u8, mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, behind) = match rest {
            [first, behind @ ..] if *first == quote => return Some(behind),
            [b'\\', b'\'', behind @ ..] if quote == b'\'' => (b'\'', behind),
            [b'\\', b'x', high, low, behind @ ..] if quote == b'"' && is_hex(*high, *low) => {
                (digit(*high) << 4 | digit(*low), behind)
            }
            [b'\\', escaped, behind @ ..] if quote == b'"' => (escape(*escaped), behind),
            [plain, behind @ ..] => (*plain, behind),
            [] => return None,
        };
        word.push(byte);
        rest = behind;
    }
}

fn escape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn is_hex(high: u8, low: u8) -> bool {
    high.is_ascii_hexdigit() && low.is_ascii_hexdigit()
}

/// Returns the value of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split(line.as_bytes())?;
        Some(words.iter().map(|word| word.escape_ascii().to_string()).collect())
    }

    #[test]
    fn words_are_those_of_redis_cli() {
        for (line, expected) in [
            ("", &[][..]),
            (" \t ", &[]),
            ("PING", &["PING"]),
            ("  SET a  b\r", &["SET", "a", "b"]),
            (r#"SET a "b c""#, &["SET", "a", "b c"]),
            (r#"ECHO "\x41\n\t\"\q\xzz""#, &["ECHO", r#"A\n\t\"qxzz"#]),
            (r"ECHO 'a\'b\n'", &["ECHO", r"a\'b\\n"]),
            (r#"ECHO """#, &["ECHO", ""]),
            (r#"ECHO a"b""#, &["ECHO", "ab"]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn open_quotes_are_refused() {
        for line in [r#"ECHO "a"#, "ECHO 'a", r#"ECHO "a"b"#, "'a'b", r#"ECHO "a\""#] {
            assert_eq!(words(line), None, "{line}");
        }
    }
}
