//! The sizes of regions.

use std::str::FromStr;

use super::random::Random;

/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;
/// One of this many draws is a whole number of pages.
const WHOLE_PAGES: u64 = 8;

/// The smallest and the largest size, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    min: u64,
    max: u64,
}

impl Sizes {
    /// Draws a size: each power of two is equally likely, and each number between two powers.
    pub(crate) fn draw(self, random: &mut Random) -> u64 {
        let (low, high) = (self.min.ilog2(), self.max.ilog2());
        let power = 1 << (u64::from(low) + random.below(u64::from(high - low) + 1));
        let (first, last) = (self.min.max(power), self.max.min(power + (power - 1)));
        let size = first + random.below(last - first + 1);
        let whole = size.next_multiple_of(PAGE);
        if random.is_one_in(WHOLE_PAGES) && whole <= self.max { whole } else { size }
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        match (bytes(min), bytes(max)) {
            (Some(min), Some(max)) if 0 < min && min <= max => Ok(Self { min, max }),
            _ => Err("sizes are MIN-MAX in bytes, as in 1-256K, from 1 to 1T".to_owned()),
        }
    }
}

/// Reads a size in the format of the image: digits, and at most one suffix.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|suffix: char| suffix.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return None,
    };
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| plain)?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes <= 1 << 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_strict() {
        assert_eq!("1-256K".parse(), Ok(Sizes { min: 1, max: 256 << 10 }));
        assert_eq!("4096".parse(), Ok(Sizes { min: 4096, max: 4096 }));
        assert_eq!("1m-2G".parse(), Ok(Sizes { min: 1 << 20, max: 2 << 30 }));
        assert_eq!("1-1T".parse(), Ok(Sizes { min: 1, max: 1 << 40 }));
        for bad in
            ["", "-", "1-", "0-4", "5-4", "+1-4", "1KB", "1-2X", "1.5K", "1-2-3", "9999G", "2T"]
        {
            assert!(bad.parse::<Sizes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn each_power_of_two_within_the_bounds_is_drawn() {
        let sizes: Sizes = "3-20000".parse().unwrap();
        let mut random = Random::new(7, 0);
        let drawn: Vec<_> = (0..3000).map(|_| sizes.draw(&mut random)).collect();
        assert!(drawn.iter().all(|size| (3..=20_000).contains(size)));
        for power in 2..14 {
            assert!(drawn.iter().any(|size| size.ilog2() == power), "none of 2^{power}");
        }
        assert!(drawn.contains(&PAGE) && drawn.iter().any(|size| size % 2 == 1));
        let one = Sizes { min: 4096, max: 4096 };
        assert_eq!(one.draw(&mut random), 4096);
    }
}
