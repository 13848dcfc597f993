//! Log lines about ended connections. The number of lines per second is limited, so that clients
//! cannot flood the console.

use crate::service::Ending;

/// Maximum number of log lines per second. Further ended connections are only counted.
const LINES_MAX: u32 = 16;

const SECOND_US: u64 = 1_000_000;

/// The number of log lines in the current second, and the number of lines omitted since the last
/// line.
#[derive(Debug)]
pub(super) struct EndingLog {
    begun_us: u64,
    lines: u32,
    omitted: u64,
}

impl EndingLog {
    pub(super) const fn new() -> Self {
        Self { begun_us: 0, lines: 0, omitted: 0 }
    }

    /// Records the end of a connection, and logs it unless the limit of this second is reached.
    pub(super) fn note(&mut self, number: Option<u64>, ending: Ending, now_us: u64) {
        let Some(omitted) = self.admit(now_us) else { return };
        if omitted > 0 {
            log::debug!("{omitted} more connections have ended");
        }
        match number {
            Some(number) => log::debug!("client {number} has ended: {ending}"),
            None => log::debug!("a connection has ended: {ending}"),
        }
    }

    /// Returns the number of ends that were not logged since the last line. Returns `None` if the
    /// limit of this second is reached, so that no line may be written now.
    fn admit(&mut self, now_us: u64) -> Option<u64> {
        if now_us.saturating_sub(self.begun_us) >= SECOND_US {
            self.begun_us = now_us;
            self.lines = 0;
        }
        if self.lines == LINES_MAX {
            self.omitted += 1;
            return None;
        }
        self.lines += 1;
        Some(core::mem::take(&mut self.omitted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_few_lines_and_the_rest_is_counted() {
        let mut log = EndingLog::new();
        let admitted = (0..100).filter(|at| log.admit(5_000_000 + at).is_some()).count();
        assert_eq!(admitted, LINES_MAX as usize);
        assert_eq!(log.admit(6_000_000), Some(84));
        assert_eq!(log.admit(6_000_001), Some(0));
    }
}
