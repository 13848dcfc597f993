//! Patterns as Redis has them: `*`, `?`, `[a-z]`, `[^a]`, `\`, without regard to case.

/// Whether a text matches a pattern. Takes at most their lengths multiplied: one `*` is tried again
/// at a time, never all of them.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    // Where to go on after the last `*`, and what it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, position));
            at += 1;
        } else if let Some(next) = one(pattern, at, text[position]) {
            at = next;
            position += 1;
        } else if let Some((after, swallowed)) = star {
            star = Some((after, swallowed + 1));
            at = after;
            position = swallowed + 1;
        } else {
            return false;
        }
    }
    pattern[at.min(pattern.len())..].iter().all(|byte| *byte == b'*')
}

/// Matches one byte with the element at `at`; where the next element is.
fn one(pattern: &[u8], at: usize, byte: u8) -> Option<usize> {
    match *pattern.get(at)? {
        b'?' => Some(at + 1),
        b'[' => class(pattern, at + 1, byte),
        b'\\' if at + 1 < pattern.len() => same(pattern[at + 1], byte).then_some(at + 2),
        other => same(other, byte).then_some(at + 1),
    }
}

/// Matches one byte with the class whose first element is at `at`. A class without an end reaches
/// to the end of the pattern.
fn class(pattern: &[u8], mut at: usize, byte: u8) -> Option<usize> {
    let negated = pattern.get(at) == Some(&b'^');
    if negated {
        at += 1;
    }
    let mut found = false;
    while let Some(&low) = pattern.get(at).filter(|byte| **byte != b']') {
        match (low, pattern.get(at + 1), pattern.get(at + 2)) {
            (b'\\', Some(&escaped), _) => {
                found |= same(escaped, byte);
                at += 2;
            }
            (_, Some(b'-'), Some(&high)) => {
                let (low, high) = (low.to_ascii_lowercase(), high.to_ascii_lowercase());
                let range = low.min(high)..=low.max(high);
                found |= range.contains(&byte.to_ascii_lowercase());
                at += 3;
            }
            _ => {
                found |= same(low, byte);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at + 1)
}

fn same(one: u8, other: u8) -> bool {
    one.eq_ignore_ascii_case(&other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let yes = [
            ("*", ""),
            ("*", "save"),
            ("s*e", "save"),
            ("SAVE", "save"),
            ("s?ve", "save"),
            ("[r-t]ave", "save"),
            ("[^x]ave", "save"),
            (r"\s\ave", "save"),
            ("**a*", "save"),
            ("*-*", "a-b"),
            (r"a\*", "a*"),
            ("[a", "a"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        let no = [
            ("", "a"),
            ("save", "saved"),
            ("saved", "save"),
            ("?", ""),
            ("[^s]ave", "save"),
            ("[a-c]ave", "save"),
            (r"a\*", "ab"),
            ("*x", "save"),
            ("[", "a"),
        ];
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = b"*a".repeat(500);
        assert!(!matches(&pattern, &[b'b'; 5000]));
    }
}
