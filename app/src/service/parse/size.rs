//! Parses sizes in arguments: a number of bytes, with an optional suffix K, M, G or T.

use crate::resp;
use crate::service::failure::{Failure, Word};

/// Parses a size: digits and at most one suffix. Returns `None` for any other text, and for a size
/// that does not fit into 64 bits.
pub(in crate::service) fn parse(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text.split_last()? {
        (b'k' | b'K', digits) => (digits, 10),
        (b'm' | b'M', digits) => (digits, 20),
        (b'g' | b'G', digits) => (digits, 30),
        (b't' | b'T', digits) => (digits, 40),
        _ => (text, 0),
    };
    resp::decimal(digits)?.checked_mul(1 << shift)
}

/// Maximum size of a request to the library in bytes, so that its pages and the guard page fit into
/// 64 bits. A larger size is replaced by this one, which exceeds every memory, so the library
/// refuses it.
pub(in crate::service) const BYTES_MAX: u64 = u64::MAX - 2 * vmalloc::PAGE_BYTES;

/// Returns the error for a text that is not a size.
pub(in crate::service) fn invalid(text: &[u8]) -> Failure {
    Failure::Invalid("a size is bytes below 2^64, with optional K, M, G or T", Word::new(text))
}

/// Parses an address: hexadecimal with `0x`, or decimal.
pub(in crate::service) fn parse_address(text: &[u8]) -> Option<u64> {
    let Some(digits) = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")) else {
        return resp::decimal(text);
    };
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |value, byte| {
        char::from(*byte).to_digit(16).map(|digit| value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_strict() {
        assert_eq!(parse(b"4096"), Some(4096));
        assert_eq!(parse(b"4k"), Some(4096));
        assert_eq!(parse(b"16777215T"), Some(16_777_215 << 40));
        assert_eq!(parse(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "K", "-1", "+1", "1 ", "1KB", "1.5M", "16777216T", "18446744073709551616"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(parse_address(b"0xffffc90000000000"), Some(0xffff_c900_0000_0000));
        assert_eq!(parse_address(b"4096"), Some(4096));
        for text in ["0x", "0x1g", "0x11111111111111111", "ffff", "-1"] {
            assert_eq!(parse_address(text.as_bytes()), None, "{text}");
        }
    }
}
