//! Channel 0 of the 8254 timer, the reference for measuring other clocks.
//!
//! Channel 2 is not used, because its gate at port 0x61 is missing or wrong on some machines.

#![expect(unsafe_code, reason = "reads and writes I/O ports")]

use x86_64::instructions::port::{Port, PortWriteOnly};

/// Ticks per second.
pub(crate) const HZ: u64 = 1_193_182;

const CHANNEL_0: u16 = 0x40;
const COMMAND: u16 = 0x43;
/// Channel 0, low byte then high byte, mode 2 (counts down periodically).
const RATE_GENERATOR: u8 = 0b0011_0100;
/// Channel 0: latch the count for reading.
const LATCH: u8 = 0;

/// Starts counting down from 65536. The interrupt line stays masked.
pub(crate) fn start() {
    command(RATE_GENERATOR);
    let mut channel = Port::<u8>::new(CHANNEL_0);
    for _ in 0..2 {
        // SAFETY: writes the two halves of the reload value; 0 means 65536.
        unsafe { channel.write(0) };
    }
}

/// Returns the ticks between two readings at most 54 ms apart.
pub(crate) fn elapsed(earlier: u16, later: u16) -> u64 {
    u64::from(earlier.wrapping_sub(later))
}

/// Returns the current count, which decreases.
pub(crate) fn read() -> u16 {
    command(LATCH);
    let mut channel = Port::<u8>::new(CHANNEL_0);
    // SAFETY: reads the low half of the latched count.
    let low = unsafe { channel.read() };
    // SAFETY: reads the high half.
    let high = unsafe { channel.read() };
    u16::from_le_bytes([low, high])
}

fn command(byte: u8) {
    // SAFETY: both commands concern channel 0 only, which this module alone uses.
    unsafe { PortWriteOnly::<u8>::new(COMMAND).write(byte) };
}
