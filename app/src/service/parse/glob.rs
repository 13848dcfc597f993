//! Matches patterns like Redis: `*`, `?`, `[a-z]`, `[^a]`, `\`.

/// Tells whether letters that differ only in case are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Case {
    /// The letters differ, as in keys.
    Counts,
    /// The letters are equal, as in names of settings and commands.
    Ignored,
}

impl Case {
    fn fold(self, byte: u8) -> u8 {
        match self {
            Self::Counts => byte,
            Self::Ignored => byte.to_ascii_lowercase(),
        }
    }

    fn is_same(self, one: u8, other: u8) -> bool {
        self.fold(one) == self.fold(other)
    }
}

/// Returns whether `text` matches `pattern`. The number of comparisons is at most the product of
/// their lengths, because only the last `*` is retried.
pub(in crate::service) fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    matches_counted(pattern, text, case, &mut 0)
}

/// Like [`matches()`], and adds the number of comparisons to `steps`.
pub(in crate::service) fn matches_counted(
    pattern: &[u8],
    text: &[u8],
    case: Case,
    steps: &mut u64,
) -> bool {
    let (mut at, mut position) = (0, 0);
    // The position after the last `*`, and the number of bytes that this `*` matches.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        *steps += 1;
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            if at == pattern.len() {
                return true;
            }
            star = Some((at, position));
        } else if let Some(next) = one(pattern, at, text[position], case, steps) {
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

/// Matches one byte with the pattern element at `at`. Returns the position of the next element, or
/// `None` if the byte does not match.
fn one(pattern: &[u8], at: usize, byte: u8, case: Case, steps: &mut u64) -> Option<usize> {
    match *pattern.get(at)? {
        b'?' => Some(at + 1),
        b'[' => class(pattern, at + 1, byte, case, steps),
        b'\\' if at + 1 < pattern.len() => case.is_same(pattern[at + 1], byte).then_some(at + 2),
        other => case.is_same(other, byte).then_some(at + 1),
    }
}

/// Matches one byte with the class (`[…]`) whose first element is at `at`. A class without `]`
/// extends to the end of the pattern.
fn class(pattern: &[u8], mut at: usize, byte: u8, case: Case, steps: &mut u64) -> Option<usize> {
    let negated = pattern.get(at) == Some(&b'^');
    if negated {
        at += 1;
    }
    let mut found = false;
    while let Some(&low) = pattern.get(at).filter(|byte| **byte != b']') {
        *steps += 1;
        match (low, pattern.get(at + 1), pattern.get(at + 2)) {
            (b'\\', Some(&escaped), _) => {
                found |= case.is_same(escaped, byte);
                at += 2;
            }
            (_, Some(b'-'), Some(&high)) => {
                let (low, high) = (case.fold(low), case.fold(high));
                let range = low.min(high)..=low.max(high);
                found |= range.contains(&case.fold(byte));
                at += 3;
            }
            _ => {
                found |= case.is_same(low, byte);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at + 1)
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
            assert!(
                matches(pattern.as_bytes(), text.as_bytes(), Case::Ignored),
                "{pattern} {text}"
            );
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
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes(), Case::Ignored),
                "{pattern} {text}"
            );
        }
    }

    /// The expected results were taken from `KEYS` of Redis 7.0.15.
    #[test]
    fn case_counts_in_keys() {
        for (pattern, text, is_match) in [
            ("k", "K", false),
            ("K", "K", true),
            ("k*", "Ka", false),
            ("[j-l]", "K", false),
            ("[J-L]", "K", true),
            ("[L-J]", "K", true),
            ("[^k]*", "Ka", true),
            (r"\Ka", "Ka", true),
            (r"\ka", "Ka", false),
            ("[k", "k", true),
            ("[", "k", false),
            ("[^", "k", true),
            ("K[a-", "Ka", true),
            ("K[]a]", "Ka", false),
            (r"K[\", "Ka", false),
            (r"Ka\", "Ka", false),
            (r"Ka\", r"Ka\", true),
        ] {
            let (pattern_bytes, text_bytes) = (pattern.as_bytes(), text.as_bytes());
            assert_eq!(
                matches(pattern_bytes, text_bytes, Case::Counts),
                is_match,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = b"*a".repeat(500);
        assert!(!matches(&pattern, &[b'b'; 5000], Case::Counts));
    }
}
