//! Converts the registers of a PC's real-time clock to seconds since 1970.
//!
//! # Source
//!
//! Motorola MC146818: time and calendar registers, register B.

/// Bit of register B: hours are from 0 to 23. If the bit is not set, hours are from 1 to 12, with a bit for the
/// afternoon.
const IS_24_HOURS: u8 = 1 << 1;
/// Bit of register B: numbers are binary. If the bit is not set, each number is two decimal digits of 4 bits.
const IS_BINARY: u8 = 1 << 2;
/// Bit of the hours register in 12-hour format: afternoon.
const AFTERNOON: u8 = 1 << 7;

/// Number of days before each month in a year that is not a leap year.
const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// One reading of the clock's registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Register 0: seconds.
    pub second: u8,
    /// Register 2: minutes.
    pub minute: u8,
    /// Register 4: hours.
    pub hour: u8,
    /// Register 7: day of the month, from 1.
    pub day: u8,
    /// Register 8: month, from 1.
    pub month: u8,
    /// Register 9: years since 2000.
    pub year: u8,
    /// Register B: the format of the other registers.
    pub format: u8,
}

impl Reading {
    /// Returns the seconds since 1970, if the clock is set to UTC. Returns `None` if the registers contain no valid
    /// time.
    #[must_use]
    pub fn unix_seconds(self) -> Option<u64> {
        let number = |register: u8| -> Option<u64> {
            if self.format & IS_BINARY != 0 {
                return Some(register.into());
            }
            let (tens, ones) = (register >> 4, register & 0xf);
            (tens < 10 && ones < 10).then_some(u64::from(tens * 10 + ones))
        };
        let is_24_hours = self.format & IS_24_HOURS != 0;
        let hour = match (is_24_hours, number(self.hour & !AFTERNOON)?) {
            (true, _) => number(self.hour)?,
            (false, hour @ 1..=12) => hour % 12 + 12 * u64::from(self.hour & AFTERNOON != 0),
            _ => return None,
        };
        let (minute, second) = (number(self.minute)?, number(self.second)?);
        let (day, month, year) = (number(self.day)?, number(self.month)?, number(self.year)?);
        let is_time = hour < 24 && minute < 60 && second < 60;
        if !is_time || !(1..=31).contains(&day) || year > 99 {
            return None;
        }
        let before = DAYS_BEFORE.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
        let is_leap = year % 4 == 0 && month > 2;
        // From 2000 to 2099 every fourth year is a leap year. 2000 began 10,957 days after 1970.
        let days = 10_957 + 365 * year + year.div_ceil(4) + before + u64::from(is_leap) + day - 1;
        Some(days * 86_400 + hour * 3600 + minute * 60 + second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: [u8; 6], format: u8) -> Option<u64> {
        let [year, month, day, hour, minute, second] = text;
        Reading { second, minute, hour, day, month, year, format }.unix_seconds()
    }

    #[test]
    fn known_instants() {
        // Expected values are those of `date -u +%s`.
        for (text, seconds) in [
            ([0x00, 0x01, 0x01, 0x00, 0x00, 0x00], 946_684_800),
            ([0x00, 0x02, 0x29, 0x23, 0x59, 0x59], 951_868_799),
            ([0x00, 0x03, 0x01, 0x00, 0x00, 0x00], 951_868_800),
            ([0x01, 0x01, 0x01, 0x00, 0x00, 0x00], 978_307_200),
            ([0x24, 0x02, 0x29, 0x12, 0x00, 0x00], 1_709_208_000),
            ([0x24, 0x12, 0x31, 0x23, 0x59, 0x59], 1_735_689_599),
            ([0x99, 0x12, 0x31, 0x23, 0x59, 0x59], 4_102_444_799),
        ] {
            assert_eq!(reading(text, IS_24_HOURS), Some(seconds), "{text:x?}");
        }
    }

    #[test]
    fn every_format_is_the_same_instant() {
        let evening = Some(1_709_251_200 - 3600);
        assert_eq!(reading([0x24, 0x02, 0x29, 0x23, 0, 0], IS_24_HOURS), evening);
        assert_eq!(reading([24, 2, 29, 23, 0, 0], IS_24_HOURS | IS_BINARY), evening);
        assert_eq!(reading([0x24, 0x02, 0x29, 0x91, 0, 0], 0), evening);
        assert_eq!(reading([24, 2, 29, 11 | AFTERNOON, 0, 0], IS_BINARY), evening);
        // In 12-hour format, 12 is the first hour of each half.
        let midnight = reading([0x24, 0x02, 0x29, 0x00, 0, 0], IS_24_HOURS);
        assert_eq!(reading([0x24, 0x02, 0x29, 0x12, 0, 0], 0), midnight);
        let noon = reading([0x24, 0x02, 0x29, 0x12, 0, 0], IS_24_HOURS);
        assert_eq!(reading([0x24, 0x02, 0x29, 0x92, 0, 0], 0), noon);
    }

    #[test]
    fn registers_without_a_time_are_refused() {
        for text in [
            [0xff; 6],
            [0x24, 0x00, 0x01, 0, 0, 0],
            [0x24, 0x13, 0x01, 0, 0, 0],
            [0x24, 0x01, 0x00, 0, 0, 0],
            [0x24, 0x01, 0x32, 0, 0, 0],
            [0x24, 0x01, 0x01, 0x24, 0, 0],
            [0x24, 0x01, 0x01, 0, 0x60, 0],
            [0x24, 0x01, 0x01, 0, 0, 0x5a],
        ] {
            assert_eq!(reading(text, IS_24_HOURS), None, "{text:x?}");
        }
        assert_eq!(reading([0x24, 0x01, 0x01, 0x00, 0, 0], 0), None, "there is no hour 0 of 12");
    }
}
