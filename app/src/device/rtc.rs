//! The real-time clock of a PC, read once at boot: what time it is in the world.

#![expect(unsafe_code, reason = "reads and writes I/O ports")]

use x86_64::instructions::port::Port;

use crate::platform::rtc::Reading;

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;

/// Register A, and the bit that says that the clock is changing its registers.
const STATUS: u8 = 0xa;
const IS_UPDATING: u8 = 1 << 7;
const FORMAT: u8 = 0xb;

/// Readings before the clock is given up. An update takes 2 ms, a read of a register 1 us or more.
const READINGS_MAX: usize = 10_000;

/// Seconds since 1970; `None` where there is no clock, or none that is set.
pub(crate) fn unix_seconds() -> Option<u64> {
    let mut last = None;
    // Two equal readings in a row were not changed half-way.
    for _ in 0..READINGS_MAX {
        let reading = (register(STATUS) & IS_UPDATING == 0).then(read);
        if reading.is_some() && reading == last {
            return reading.and_then(Reading::unix_seconds);
        }
        last = reading;
    }
    None
}

fn read() -> Reading {
    Reading {
        second: register(0),
        minute: register(2),
        hour: register(4),
        day: register(7),
        month: register(8),
        year: register(9),
        format: register(FORMAT),
    }
}

fn register(index: u8) -> u8 {
    // SAFETY: the index selects a register of the clock; bit 7, which would mask NMIs, is 0 as the
    // firmware leaves it. The port has no other user.
    unsafe { Port::<u8>::new(INDEX).write(index) };
    // SAFETY: reading a register below 0xc of the clock changes nothing.
    unsafe { Port::<u8>::new(DATA).read() }
}
