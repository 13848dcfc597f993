//! Represents a reply as a tree, in both versions of the protocol.

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frame {
    /// The first byte of the reply: `+`, `$`, `*`, `%` and so on.
    pub(super) kind: u8,
    /// The rest of the line, or the bytes of a string. `None` for an aggregate or a null.
    pub(super) text: Option<Vec<u8>>,
    /// The items of an aggregate. A map has alternating names and values.
    pub(super) items: Vec<Self>,
}

impl Frame {
    /// Parses the first reply in `bytes`. Returns the reply and its length, or `None` while the reply is
    /// incomplete.
    ///
    /// # Errors
    /// The bytes cannot become a reply. The text states the reason.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, String> {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
        let (line, after) = (&bytes[..end], end + 2);
        let Some((&kind, rest)) = line.split_first() else { return Err("an empty line".into()) };
        let leaf =
            |text: Option<&[u8]>| Self { kind, text: text.map(<[u8]>::to_vec), items: Vec::new() };
        match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => Ok(Some((leaf(Some(rest)), after))),
            b'$' | b'=' | b'!' => {
                let Some(length) = length(rest)? else { return Ok(Some((leaf(None), after))) };
                let whole = bytes.get(after..after + length + 2);
                Ok(whole.map(|whole| (leaf(Some(&whole[..length])), after + length + 2)))
            }
            b'*' | b'~' | b'>' | b'%' => {
                let Some(length) = length(rest)? else { return Ok(Some((leaf(None), after))) };
                let count = if kind == b'%' { 2 * length } else { length };
                let (mut items, mut end) = (Vec::new(), after);
                for _ in 0..count {
                    let Some((item, length)) = Self::read(&bytes[end..])? else { return Ok(None) };
                    items.push(item);
                    end += length;
                }
                let text = Some(Vec::new());
                Ok(Some((Self { kind, text, items }, end)))
            }
            other => Err(format!("a reply that begins with {:?}", char::from(other))),
        }
    }

    /// Returns the text of the reply as a number, if it is one.
    pub(super) fn number(&self) -> Option<i64> {
        str::from_utf8(self.text.as_deref()?).ok()?.parse().ok()
    }
}

/// Returns the length in a header, or `None` for the length -1 of a null.
fn length(text: &[u8]) -> Result<Option<usize>, String> {
    if text == b"-1" {
        return Ok(None);
    }
    let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| format!("the length {}", text.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_whole_at_its_last_byte() {
        for reply in
            ["+OK\r\n", "$-1\r\n", "$2\r\na\r\r\n", "_\r\n", "%1\r\n+a\r\n*2\r\n:1\r\n#t\r\n"]
        {
            let bytes = [reply, "+next"].concat();
            for end in 0..reply.len() {
                assert_eq!(Frame::read(&bytes.as_bytes()[..end]), Ok(None), "{reply:?} to {end}");
            }
            let (_, length) = Frame::read(bytes.as_bytes()).unwrap().unwrap();
            assert_eq!(length, reply.len(), "{reply:?}");
        }
        assert!(Frame::read(b"x\r\n").is_err() && Frame::read(b"$x\r\n").is_err());
    }
}
