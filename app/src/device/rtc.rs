//! Reads the real-time clock of a PC, once at boot.

#![expect(unsafe_code, reason = "reads and writes I/O ports")]

use x86_64::instructions::port::Port;

use crate::platform::rtc::Reading;

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;

/// Index of register A. Its bit [`IS_UPDATING`] is set while the clock updates the other registers.
const STATUS: u8 = 0xa;
const IS_UPDATING: u8 = 1 << 7;
const FORMAT: u8 = 0xb;

/// Maximum number of readings. An update takes 2 ms, and reading a register takes at least 1 us, so this is enough for
/// several updates.
const READINGS_MAX: usize = 10_000;

/// Returns the seconds since 1970. Returns `None` if the machine has no clock or its registers contain no valid time.
pub(crate) fn unix_seconds() -> Option<u64> {
    let mut last = None;
    // Only two equal consecutive readings are trusted, because an update may begin during a reading.
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
    // SAFETY: the index selects a register of the clock. Bit 7, which masks NMIs, is 0, as the firmware leaves it. No
    // other code uses the port.
    unsafe { Port::<u8>::new(INDEX).write(index) };
    // SAFETY: reading a register of the clock below 0xc has no side effect.
    unsafe { Port::<u8>::new(DATA).read() }
}
