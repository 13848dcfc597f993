//! The format of numbers in reports.

/// Formats a number with at least three digits and with grouped thousands.
pub(crate) fn show(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read() {
        assert_eq!(
            [0.456, 99.9, 379.2, 1_234_567.0].map(show),
            ["0.46", "99.90", "379", "1,234,567"]
        );
    }
}
