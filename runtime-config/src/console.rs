//! The format of a line on the serial console.
//!
//! The image writes each log record as one line: the level in capitals, a space, the target, a colon and the
//! message, as in `WARN net: no DHCP answer`. Test results, fault lines and panics are raw lines without a
//! level. The host tool shows raw lines, and records with the level `WARN` or `ERROR`.

use core::fmt;
use core::str::FromStr;

/// The severity of a log record. `log=` on the command line sets the least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// No record is logged.
    Off,
    /// The image cannot do what was requested of it.
    Error,
    /// The image continues, but the operator should know the event.
    Warn,
    /// Milestones of a run: the boot, addresses and ports.
    Info,
    /// Decisions of the image.
    Debug,
    /// Single packets and single steps.
    Trace,
}

impl LogLevel {
    /// All levels, in order from no output to the most output.
    pub const ALL: [Self; 6] =
        [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Returns the word for the level on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error for a word that is not a log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not one of off, error, warn, info, debug, trace")
    }
}

impl core::error::Error for UnknownLevel {}

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or(UnknownLevel)
    }
}

/// Returns the level of a log line, or `None` for a raw line.
#[must_use]
pub fn level_of(line: &str) -> Option<LogLevel> {
    let word = kernel_level(line).or_else(|| line.split([' ', ':']).next())?;
    LogLevel::ALL
        .into_iter()
        .find(|level| *level != LogLevel::Off && level.name().eq_ignore_ascii_case(word))
        .filter(|_| word.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Returns the level in a log line of the form `[CPU][LEVEL] message`, which a kernel below the image writes.
fn kernel_level(line: &str) -> Option<&str> {
    let (cpu, rest) = line.strip_prefix('[')?.split_once("][")?;
    let (level, _) = rest.split_once("] ")?;
    (!cpu.is_empty() && cpu.bytes().all(|byte| byte.is_ascii_digit())).then_some(level)
}

/// Returns whether a terminal that shows records up to `threshold` shows the line. Raw lines are always
/// shown.
#[must_use]
pub fn is_shown(line: &str, threshold: LogLevel) -> bool {
    level_of(line).is_none_or(|level| level <= threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_round_trip() {
        for level in LogLevel::ALL {
            assert_eq!(level.name().parse(), Ok(level));
        }
        assert_eq!("WARN".parse::<LogLevel>(), Err(UnknownLevel));
    }

    #[test]
    fn level_is_the_first_word_in_capitals() {
        assert_eq!(level_of("WARN net: no DHCP answer"), Some(LogLevel::Warn));
        assert_eq!(level_of("INFO  boot: 512 MiB"), Some(LogLevel::Info));
        assert_eq!(level_of("warn: not ours"), None);
        assert_eq!(level_of("test paging ... ok"), None);
        assert_eq!(level_of("OFF"), None);
        assert_eq!(level_of(""), None);
    }

    #[test]
    fn a_kernel_has_the_level_in_brackets() {
        assert_eq!(level_of("[0][INFO] Welcome to a kernel"), Some(LogLevel::Info));
        assert_eq!(level_of("[12][ERROR] Page fault (#PF)!"), Some(LogLevel::Error));
        assert_eq!(level_of("[0][PANIC] panicked at a"), None);
        assert_eq!(level_of("[x][INFO] not a CPU"), None);
        assert_eq!(level_of("[0] [INFO] not that shape"), None);
    }

    #[test]
    fn raw_lines_are_always_shown() {
        assert!(is_shown("FAULT #PF", LogLevel::Warn));
        assert!(is_shown("ERROR heap: full", LogLevel::Warn));
        assert!(!is_shown("INFO boot: 1 CPU", LogLevel::Warn));
        assert!(is_shown("INFO boot: 1 CPU", LogLevel::Trace));
    }
}
