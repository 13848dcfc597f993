//! Formats numbers fast, because nearly all replies contain numbers.

/// Maximum bytes of a header: the type byte, up to 20 digits and the line end.
pub(super) const HEADER_BYTES_MAX: usize = 24;

/// The two digits of each number from 0 to 99.
const TWO_DIGITS: [[u8; 2]; 100] = {
    let mut digits = [[b'0'; 2]; 100];
    let mut value = 0;
    while value < 100 {
        digits[value as usize] = [b'0' + value / 10, b'0' + value % 10];
        value += 1;
    }
    digits
};

/// Returns the eight hexadecimal digits of the low 32 bits of `bits`. All digits are computed at the same time in one
/// word.
pub(super) fn hex(bits: u64) -> [u8; 8] {
    let halves = (bits << 16 | bits) & 0x0000_ffff_0000_ffff;
    let bytes = (halves << 8 | halves) & 0x00ff_00ff_00ff_00ff;
    let digits = (bytes << 4 | bytes) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let letter_gap = u64::from(b'a' - b'9' - 1);
    (digits + 0x3030_3030_3030_3030 + letters * letter_gap).to_be_bytes()
}

/// Writes a header to the end of `buffer`: the type byte `kind`, the digits of `value` and the line end. Returns the
/// position at which the header starts.
pub(super) fn format_header(
    buffer: &mut [u8; HEADER_BYTES_MAX],
    kind: u8,
    mut value: u64,
) -> usize {
    let mut at = HEADER_BYTES_MAX - 2;
    buffer[at..].copy_from_slice(b"\r\n");
    while value >= 100 {
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&TWO_DIGITS[(value % 100) as usize]);
        value /= 100;
    }
    at -= 2;
    buffer[at..at + 2].copy_from_slice(&TWO_DIGITS[(value % 100) as usize]);
    // Skips the leading zero of a number with one or an odd number of digits.
    at += usize::from(value < 10);
    at -= 1;
    buffer[at] = kind;
    at
}
