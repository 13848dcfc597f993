//! Parameters of a target: read strictly, and refused with their name, value and rule.

use core::fmt;

use arrayvec::ArrayString;

/// Characters of a refused value that are shown.
const SHOWN_MAX: usize = 24;

/// A parameter that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    name: &'static str,
    value: ArrayString<SHOWN_MAX>,
    /// The values that are accepted.
    rule: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, rule } = self;
        write!(f, "{name}={value} is refused: {name} is {rule}")
    }
}

/// Reads the parameter `name`, which may be left out; the last one counts. Browsers and caches add
/// parameters of their own, so others are ignored.
pub(super) fn read<T>(
    query: &str,
    name: &'static str,
    rule: &'static str,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, Refused> {
    let mut pairs = query.split('&').rev().filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(key, _)| *key == name) else { return Ok(None) };
    parse(value.as_bytes()).map(Some).ok_or_else(|| Refused { name, value: shown(value), rule })
}

/// The beginning of a value, as far as it is printable.
fn shown(value: &str) -> ArrayString<SHOWN_MAX> {
    let mut text = ArrayString::new();
    for character in value.chars() {
        let printable = if character.is_ascii_graphic() { character } else { '?' };
        if text.try_push(printable).is_err() {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp;

    #[test]
    fn a_refusal_names_parameter_value_and_rule() {
        let count = |query| read(query, "count", "a number", resp::decimal);
        assert_eq!(count(""), Ok(None));
        assert_eq!(count("x&y=1&count=3"), Ok(Some(3)));
        assert_eq!(count("count=3&count=4"), Ok(Some(4)));
        let refused = count("count=1e3").unwrap_err();
        assert_eq!(refused.to_string(), "count=1e3 is refused: count is a number");
        let long = format!("count={}\u{fc}", "x".repeat(100));
        assert_eq!(count(&long).unwrap_err().value.as_str(), "x".repeat(SHOWN_MAX));
    }
}
