//! The memory of a guest: whole MiB within the limits of the image.

use std::fmt;
use std::str::FromStr;

use runtime_config::limits::{MEMORY_BYTES_MAX, MEMORY_BYTES_MIN, MIB};

const MEBIBYTES_MIN: usize = MEMORY_BYTES_MIN / MIB;
const MEBIBYTES_MAX: usize = MEMORY_BYTES_MAX / MIB;
/// MiB in a GiB.
const GIBIBYTE: usize = 1024;

/// A memory size that the image can boot with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    mebibytes: usize,
}

impl Memory {
    /// The smallest size that the image boots with.
    pub(crate) const SMALLEST: Self = Self { mebibytes: MEBIBYTES_MIN };
    /// One MiB less, for the test that the image refuses it.
    pub(crate) const TOO_SMALL: Self = Self { mebibytes: MEBIBYTES_MIN - 1 };
    const LARGEST: Self = Self { mebibytes: MEBIBYTES_MAX };

    /// Makes a size from a number of MiB.
    ///
    /// # Panics
    /// The number is outside of the limits.
    pub(crate) const fn of_mebibytes(mebibytes: usize) -> Self {
        assert!(MEBIBYTES_MIN <= mebibytes && mebibytes <= MEBIBYTES_MAX, "no size of a guest");
        Self { mebibytes }
    }

    /// Divides the memory into parts of whole MiB that are as equal as possible; the last one is the
    /// largest.
    pub(super) fn parts(self, count: u32) -> Vec<usize> {
        let count = count.max(1) as usize;
        let part = self.mebibytes / count;
        let mut parts = vec![part; count];
        parts[count - 1] += self.mebibytes - part * count;
        parts
    }
}

impl FromStr for Memory {
    type Err = String;

    /// Reads a size in the format of QEMU's `-m`: MiB, or a number with M, G or T.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|suffix: char| suffix.is_ascii_alphabetic());
        let factor = match &text[digits.len()..] {
            "" | "M" | "m" => 1,
            "G" | "g" => GIBIBYTE,
            "T" | "t" => GIBIBYTE * GIBIBYTE,
            _ => 0,
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number || factor == 0 {
            return Err("not a size; write MiB, or a number with M, G or T, as in 512M".to_owned());
        }
        // Digits that do not fit into a machine word are above every limit.
        let mebibytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
        match mebibytes {
            Some(mebibytes) if mebibytes < MEBIBYTES_MIN => {
                Err(format!("below {}, the least that the image boots with", Self::SMALLEST))
            }
            Some(mebibytes) if mebibytes <= MEBIBYTES_MAX => Ok(Self { mebibytes }),
            _ => Err(format!("above {}, the most that the image manages", Self::LARGEST)),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mebibytes.is_multiple_of(GIBIBYTE) {
            write!(f, "{}G", self.mebibytes / GIBIBYTE)
        } else {
            write!(f, "{}M", self.mebibytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_qemu() {
        for (text, shown) in
            [("100", "100M"), ("64m", "64M"), ("512M", "512M"), ("1024", "1G"), ("2g", "2G")]
        {
            assert_eq!(text.parse::<Memory>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn a_refusal_names_the_limit() {
        for (text, limit) in [
            ("63M", "64M"),
            ("0", "64M"),
            ("2T", "1024G"),
            ("99999999999999999999", "1024G"),
            ("18446744073709551615T", "1024G"),
            // Their sizes in bytes are 2^64 and 2^64 + 2^20.
            ("17592186044416T", "1024G"),
            ("17592186044417T", "1024G"),
            ("lots", "as in 512M"),
            ("", "as in 512M"),
            ("M", "as in 512M"),
            ("-64M", "as in 512M"),
            ("1.5G", "as in 512M"),
            ("64MB", "as in 512M"),
        ] {
            let why = text.parse::<Memory>().unwrap_err();
            assert!(why.contains(limit), "{text}: {why}");
        }
    }

    #[test]
    fn parts_are_equal_but_for_the_last_one() {
        assert_eq!(Memory::of_mebibytes(100).parts(3), [33, 33, 34]);
        assert_eq!(Memory::of_mebibytes(2048).parts(2), [1024, 1024]);
    }
}
