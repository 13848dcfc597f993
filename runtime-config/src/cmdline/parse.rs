//! The parsers of a command line.

use super::config::Config;
use super::error::Error;
use super::keys;

impl Config {
    /// Parses a line and refuses the first bad word, for a tool that can still report it.
    ///
    /// # Errors
    /// The first word that is unknown, malformed or out of bounds.
    pub fn parse(line: &str) -> Result<Self, Error<'_>> {
        let mut first = None;
        let config = Self::parse_lenient(line, |error| first = first.or(Some(error)));
        first.map_or(Ok(config), Err)
    }

    /// Parses a line and passes every bad word to `report`; the key of a bad word keeps its value. If the
    /// gateway of `ip=` cannot be used, the address is set without it.
    ///
    /// The image uses this function, because it must boot and report the words that it did not understand.
    pub fn parse_lenient<'a>(line: &'a str, mut report: impl FnMut(Error<'a>)) -> Self {
        let mut config = Self::DEFAULT;
        for word in line.split_ascii_whitespace() {
            if let Err(error) = keys::apply(&mut config, word) {
                report(error);
            }
        }
        config
    }
}
