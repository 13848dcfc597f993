//! Splits a line into words like `redis-cli`.
//!
//! Double quotes have escapes, and single quotes have none. Two notations are additional to `redis-cli`:
//! `"ab"*3` is the word `ababab`, and `"ab"**3` is three words `ab`.

use anyhow::{Context, ensure};

/// Splits a line into words.
///
/// # Errors
/// A quote or an escape is not closed, or text follows directly after a closing quote.
pub(super) fn split(line: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' => double_quoted(&rest[1..])?,
            '\'' => {
                let (word, after) = rest[1..].split_once('\'').context("an open quote")?;
                (word.as_bytes().to_vec(), after)
            }
            _ => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (rest.as_bytes()[..end].to_vec(), &rest[end..])
            }
        };
        rest = if let Some(count) = after.strip_prefix("**") {
            let (count, after) = number(count)?;
            words.resize(words.len() + count, word);
            after
        } else if let Some(count) = after.strip_prefix('*') {
            let (count, after) = number(count)?;
            words.push(word.repeat(count));
            after
        } else {
            words.push(word);
            after
        };
        ensure!(rest.is_empty() || rest.starts_with(' '), "text after a quote");
        rest = rest.trim_start();
    }
    Ok(words)
}

fn number(text: &str) -> anyhow::Result<(usize, &str)> {
    let end = text.find(' ').unwrap_or(text.len());
    let count = text[..end].parse().with_context(|| format!("{:?} for a number", &text[..end]))?;
    Ok((count, &text[end..]))
}

fn double_quoted(text: &str) -> anyhow::Result<(Vec<u8>, &str)> {
    let mut word = Vec::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        match chars.next().context("an open quote")? {
            '"' => return Ok((word, chars.as_str())),
            '\\' => {
                let escaped = chars.next().context("an open escape")?;
                if escaped == 'x' {
                    let digits = chars.as_str().get(..2).context("a short \\x")?;
                    word.push(u8::from_str_radix(digits, 16)?);
                    rest = &chars.as_str()[2..];
                    continue;
                }
                word.push(match escaped {
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    other => u8::try_from(other)?,
                });
            }
            other => word.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_redis_cli_does() {
        let words = split(r#"VWRITE  @buf 9998 "ab\"c\x00\n" 'x y'"#).unwrap();
        let expected: [&[u8]; 5] = [b"VWRITE", b"@buf", b"9998", b"ab\"c\0\n", b"x y"];
        assert_eq!(words, expected);
        assert!(split("\"open").is_err() && split("\"a\"b").is_err());
    }

    #[test]
    fn quoted_words_are_repeated() {
        let words = split(r#"SET "ab"*3 'k'**2 "" a*2"#).unwrap();
        let expected: [&[u8]; 6] = [b"SET", b"ababab", b"k", b"k", b"", b"a*2"];
        assert_eq!(words, expected);
        assert!(split("\"a\"*x").is_err());
    }
}
