//! Counts errors by code. The code is the first word of an error reply.

use core::fmt::{self, Write};

use arrayvec::{ArrayString, ArrayVec};

use crate::service::failure::Failure;

/// Maximum number of codes that are counted separately; the image has about 20.
const CODES_MAX: usize = 32;
/// Maximum bytes of a code.
const CODE_BYTES_MAX: usize = 16;

/// Counts by code, in the order in which the codes first occurred.
#[derive(Debug, Default)]
pub(in crate::service) struct ErrorCounts(ArrayVec<(ArrayString<CODE_BYTES_MAX>, u64), CODES_MAX>);

impl ErrorCounts {
    /// Counts an error.
    pub(in crate::service) fn count(&mut self, failure: &Failure) {
        let mut code = Code::default();
        // The writer returns an error at the first space, which ends the formatting.
        let _ = write!(code, "{failure}");
        self.count_code(&code.0);
    }

    /// Counts an error by its code.
    pub(in crate::service) fn count_code(&mut self, code: &str) {
        if let Some((_, count)) = self.0.iter_mut().find(|(known, _)| known.as_str() == code) {
            *count += 1;
        } else if let Ok(code) = ArrayString::from(code) {
            // If the list is full, a new code is not counted.
            let _ = self.0.try_push((code, 1));
        }
    }

    /// Returns the codes and counts.
    pub(in crate::service) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(code, count)| (code.as_str(), *count))
    }

    /// Resets all counts to 0.
    pub(in crate::service) fn reset(&mut self) {
        self.0.clear();
    }
}

/// A writer that keeps only the first word of a text.
#[derive(Debug, Default)]
struct Code(ArrayString<CODE_BYTES_MAX>);

impl Write for Code {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let word = text.split(' ').next().unwrap_or_default();
        self.0.try_push_str(word).map_err(|_| fmt::Error)?;
        if word.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_their_first_word() {
        let mut counts = ErrorCounts::default();
        counts.count(&Failure::Redis("syntax error"));
        counts.count(&Failure::Plain("NOAUTH Authentication required."));
        counts.count(&Failure::Redis("value is not an integer or out of range"));
        counts.count(&Failure::Malformed("REPLACE needs a NAME"));
        counts.count_code("ERR");
        let all: Vec<_> = counts.iter().collect();
        assert_eq!(all, [("ERR", 3), ("NOAUTH", 1), ("INVAL", 1)]);
        counts.reset();
        assert_eq!(counts.iter().count(), 0);
    }
}
