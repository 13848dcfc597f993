//! Parses decimal numbers strictly.

/// Parses an unsigned decimal number that consists of digits only.
#[must_use]
pub fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Parses the number in a RESP header by the rules of Redis: it may begin with a minus, but not with a 0 in front of
/// other digits.
#[must_use]
pub fn signed(text: &[u8]) -> Option<i64> {
    let (digits, negative) = match text.strip_prefix(b"-") {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    if digits.first() == Some(&b'0') && text.len() > 1 {
        return None;
    }
    let value = i128::from(decimal(digits)?);
    i64::try_from(if negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_digits_only() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"007"), Some(7));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", " 1", "1 ", "1a", "18446744073709551616", "0x10"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn header_numbers_are_those_of_redis() {
        assert_eq!(signed(b"-5"), Some(-5));
        assert_eq!(signed(b"0"), Some(0));
        assert_eq!(signed(b"9999999999"), Some(9_999_999_999));
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        for text in ["", "-", "-0", "05", "+5", "5 ", "9223372036854775808"] {
            assert_eq!(signed(text.as_bytes()), None, "{text}");
        }
    }
}
