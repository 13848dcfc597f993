//! The real-time clock of a PC, read once at boot.

#![expect(unsafe_code, reason = "reads and writes I/O ports")]

use x86_64::instructions::port::Port;

use crate::platform::rtc::Reading;

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;

/// Register A, and its bit for an update in progress.
const STATUS: u8 = 0xa;
const IS_UPDATING: u8 = 1 << 7;
const FORMAT: u8 = 0xb;

/// Maximum readings. An update takes 2 ms, reading a register 1 us or more.
const READINGS_MAX: usize = 10_000;

/// Returns the seconds since 1970, or `None` if there is no clock or it is not set.
pub(crate) fn unix_seconds() -> Option<u64> {
    let mut last = None;
    // Two equal consecutive readings were not taken during an update.
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
    // SAFETY: the index selects a register of the clock. Bit 7, which masks NMIs, stays 0 as the firmware
    // leaves it. The port has no other user.
    unsafe { Port::<u8>::new(INDEX).write(index) };
    // SAFETY: reading a register of the clock below 0xc has no side effect.
    unsafe { Port::<u8>::new(DATA).read() }
}
