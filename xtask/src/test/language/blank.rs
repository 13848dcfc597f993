//! Replaces parts of a text that are not prose by the letter x, one for each byte, so that offsets do not
//! change.

/// The replacement of one byte. It is a letter, so that a blanked span counts as a word.
const MASK: &str = "x";

/// Replaces code spans.
pub(super) fn code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let ticks = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        let inside = &rest[at + ticks..];
        let Some(length) = inside.find(&rest[at..at + ticks]) else { break };
        out.push_str(&rest[..at]);
        out.push_str(&MASK.repeat(length + 2 * ticks));
        rest = &inside[length + ticks..];
    }
    out + rest
}

/// Replaces the addresses of links.
pub(super) fn targets(text: &str) -> String {
    let mut parts = text.split("](");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(')').map_or(0, |end| end + 1);
        out.push(']');
        out.push_str(&MASK.repeat(1 + end));
        out.push_str(&part[end..]);
    }
    out
}

/// Replaces the text between two characters, and these characters.
pub(super) fn between(text: &str, open: char, close: char) -> String {
    let mut is_inside = false;
    let mut out = String::new();
    for char in text.chars() {
        is_inside |= char == open;
        if is_inside {
            out.push_str(&MASK.repeat(char.len_utf8()));
        } else {
            out.push(char);
        }
        is_inside &= char != close;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_spans_end_with_as_many_ticks_as_they_begin_with() {
        assert_eq!(code("a `b c` d"), "a xxxxx d");
        assert_eq!(code("``a ` b`` c"), "xxxxxxxxx c");
        assert_eq!(code("a ` b"), "a ` b");
    }

    #[test]
    fn the_addresses_of_links_are_no_prose() {
        assert_eq!(targets("[a](b) (c) [d](e)"), "[a]xxx (c) [d]xxx");
        assert_eq!(between("a {b} c", '{', '}'), "a xxx c");
    }
}
