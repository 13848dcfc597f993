//! Writes bytes to COM1 without a lock, because panics and faults may interrupt any code, including code that writes.

#![expect(unsafe_code, reason = "reads and writes I/O ports")]

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use runtime_config::ports::COM1_IO;
use uart_16550::backend::PioBackend;
use uart_16550::{Config, Uart16550};
use x86_64::instructions::port::{PortReadOnly, PortWriteOnly};

/// Maximum number of reads of the line status before a byte is written even if the UART is not ready. At 9600 baud a
/// byte takes about a millisecond, and a read takes about a microsecond.
const WAIT_READS_MAX: u32 = 10_000;

/// Bit of the line status register that is set while the transmitter accepts a byte.
const LSR_TRANSMITTER_EMPTY: u8 = 0x20;

/// Sets the line speed and format of COM1. Without a UART, written bytes are lost.
pub(crate) fn init() {
    // SAFETY: a UART or no device decodes COM1, and boot is the only user.
    let uart: Result<Uart16550<PioBackend>, _> = unsafe { Uart16550::new_port(COM1_IO) };
    if let Ok(mut uart) = uart {
        // An error is ignored, because it could only be reported on COM1.
        let _ = uart.init(Config::default());
    }
}

/// Writes bytes to COM1, each after a bounded wait. No lock is taken, so lines that two CPUs write at the same time may
/// be mixed.
#[derive(Debug)]
pub(crate) struct RawSerial;

/// The last byte that was written to COM1.
static LAST: AtomicU8 = AtomicU8::new(b'\n');

impl RawSerial {
    /// Returns whether the last written byte is not a line feed, so that the current line is unfinished.
    pub(crate) fn is_within_line() -> bool {
        LAST.load(Ordering::Relaxed) != b'\n'
    }

    fn put(byte: u8) {
        LAST.store(byte, Ordering::Relaxed);
        let mut status = PortReadOnly::<u8>::new(COM1_IO + 5);
        let mut data = PortWriteOnly::<u8>::new(COM1_IO);
        for _ in 0..WAIT_READS_MAX {
            // SAFETY: reading the line status clears error bits, which are not used.
            if unsafe { status.read() } & LSR_TRANSMITTER_EMPTY != 0 {
                break;
            }
        }
        // SAFETY: the data port accepts any byte.
        unsafe { data.write(byte) };
    }
}

impl fmt::Write for RawSerial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(Self::put);
        Ok(())
    }
}
