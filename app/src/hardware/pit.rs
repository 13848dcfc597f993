//! Reads channel 0 of the 8254 timer. Its frequency is known, so other clocks are measured with it.
//!
//! Channel 2 is not used, because its gate at port 0x61 is missing or wrong on some machines.

#![expect(unsafe_code, reason = "reads and writes I/O ports")]

use x86_64::instructions::port::{Port, PortWriteOnly};

/// Frequency of the 8254 in ticks per second.
pub(crate) const HZ: u64 = 1_193_182;

const CHANNEL_0: u16 = 0x40;
const COMMAND: u16 = 0x43;
/// Command for channel 0: mode 2 (counts down periodically), with the low byte of the count before the high byte.
const RATE_GENERATOR: u8 = 0b0011_0100;
/// Command that latches the count of channel 0, so that both bytes are from the same moment.
const LATCH: u8 = 0;

/// Makes channel 0 count down from 65536 repeatedly. Its interrupt line stays masked.
pub(crate) fn start() {
    command(RATE_GENERATOR);
    let mut channel = Port::<u8>::new(CHANNEL_0);
    for _ in 0..2 {
        // SAFETY: writes the two halves of the reload value; 0 means 65536.
        unsafe { channel.write(0) };
    }
}

/// Returns the ticks between two readings of the count. The readings must be less than 54 ms apart, because the count
/// then wraps.
pub(crate) fn elapsed(earlier: u16, later: u16) -> u64 {
    u64::from(earlier.wrapping_sub(later))
}

/// Returns the current count. The timer counts down.
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
