//! Parses query parameters strictly. An error contains the name of the parameter, its value, and the rule for valid
//! values.

use core::fmt;

use arrayvec::ArrayString;

/// Maximum number of characters of a value that an error shows.
const SHOWN_MAX: usize = 24;

/// A parameter with an invalid value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterError {
    name: &'static str,
    value: ArrayString<SHOWN_MAX>,
    /// Describes the valid values.
    rule: &'static str,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, rule } = self;
        write!(f, "{name}={value} is refused: {name} is {rule}")
    }
}

/// Parses the optional parameter `name`. If it occurs more than once, the last value counts. Unknown
/// parameters are ignored, because browsers and caches add parameters.
pub(super) fn read<T>(
    query: &str,
    name: &'static str,
    rule: &'static str,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, ParameterError> {
    let mut pairs = query.split('&').rev().filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(key, _)| *key == name) else { return Ok(None) };
    parse(value.as_bytes()).map(Some).ok_or_else(|| ParameterError {
        name,
        value: shown(value),
        rule,
    })
}

/// Returns the beginning of a value, in which each unprintable character is replaced by `?`.
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
    fn an_error_names_parameter_value_and_rule() {
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
