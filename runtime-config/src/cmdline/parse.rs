//! Parses a command line into a [`Config`]: strictly for the host tool, leniently for the image.

use super::config::Config;
use super::error::Error;
use super::keys;

impl Config {
    /// Parses a line for the host tool, which can report a bad word before the image boots.
    ///
    /// # Errors
    /// The first word that is unknown, malformed or out of bounds.
    pub fn parse(line: &str) -> Result<Self, Error<'_>> {
        let mut first = None;
        let config = Self::parse_lenient(line, |error| first = first.or(Some(error)));
        first.map_or(Ok(config), Err)
    }

    /// Parses a line for the image, and calls `report` with every bad word. The key of a bad word keeps its
    /// value. If the gateway of `ip=` cannot be used, the address is set without the gateway.
    ///
    /// The image must boot even if it does not understand every word.
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
