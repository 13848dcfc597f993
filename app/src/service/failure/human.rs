//! Formats numbers of bytes for people.

use core::fmt;

/// A number of bytes, formatted in the largest unit that leaves at least two digits, rounded down.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Human(pub(in crate::service) u64);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')];
        match units.into_iter().find(|(shift, _)| self.0 >> shift >= 10) {
            Some((shift, unit)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_two_to_four_digits() {
        assert_eq!(Human(498 << 20 | 12_345).to_string(), "498M");
        assert_eq!(Human(9 << 20).to_string(), "9216K");
        assert_eq!(Human(100).to_string(), "100");
        assert_eq!(Human(20 << 40).to_string(), "20T");
    }
}
