//! COM1 without a lock: for boot, panics and faults, which may have interrupted anybody.

#![expect(unsafe_code, reason = "reads and writes I/O ports")]

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use runtime_config::ports::COM1_IO;
use uart_16550::backend::PioBackend;
use uart_16550::{Config, Uart16550};
use x86_64::instructions::port::{PortReadOnly, PortWriteOnly};

/// Reads of the line status before a byte is dropped: a byte at 9600 baud takes about a
/// millisecond, a read about a microsecond.
const WAIT_READS_MAX: u32 = 10_000;

/// Line status register: the transmitter can take a byte.
const LSR_TRANSMITTER_EMPTY: u8 = 0x20;

/// Sets line speed and format. Without a UART nothing happens; bytes then go nowhere.
pub(crate) fn init() {
    // SAFETY: COM1 is decoded by a UART or by nobody, and boot is the only user.
    let uart: Result<Uart16550<PioBackend>, _> = unsafe { Uart16550::new_port(COM1_IO) };
    if let Ok(mut uart) = uart {
        // A machine without COM1 has nobody to tell.
        let _ = uart.init(Config::default());
    }
}

/// Writes bytes to COM1, each after a bounded wait. Takes no lock, so lines of two CPUs may mix.
#[derive(Debug)]
pub(crate) struct RawSerial;

/// The byte that was written last.
static LAST: AtomicU8 = AtomicU8::new(b'\n');

impl RawSerial {
    /// Whether a line was begun and not ended.
    pub(crate) fn is_within_line() -> bool {
        LAST.load(Ordering::Relaxed) != b'\n'
    }

    fn put(byte: u8) {
        LAST.store(byte, Ordering::Relaxed);
        let mut status = PortReadOnly::<u8>::new(COM1_IO + 5);
        let mut data = PortWriteOnly::<u8>::new(COM1_IO);
        for _ in 0..WAIT_READS_MAX {
            // SAFETY: reading the line status clears error bits that nobody looks at.
            if unsafe { status.read() } & LSR_TRANSMITTER_EMPTY != 0 {
                break;
            }
        }
        // SAFETY: the data port takes any byte.
        unsafe { data.write(byte) };
    }
}

impl fmt::Write for RawSerial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(Self::put);
        Ok(())
    }
}
