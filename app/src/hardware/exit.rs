//! Powers the machine off by QEMU's device `isa-debug-exit`.

#![expect(unsafe_code, reason = "writes an I/O port")]

use core::fmt;

use runtime_config::ports::DEBUG_EXIT_IO;
use runtime_config::verdict::{Exit, REFUSAL_PREFIX};
use x86_64::instructions::port::PortWriteOnly;
use x86_64::instructions::{hlt, interrupts};

use crate::hardware::console;

/// Ends QEMU with the exit code that stands for `exit`. On a machine without the device, halts the CPU forever.
pub(crate) fn leave(exit: Exit) -> ! {
    let mut port = PortWriteOnly::<u32>::new(DEBUG_EXIT_IO);
    // SAFETY: a write to this port ends QEMU, or has no effect.
    unsafe { port.write(u32::from(exit.port_value())) };
    loop {
        interrupts::disable();
        hlt();
    }
}

/// Prints the reason for which the image cannot run on this machine, and powers the machine off.
pub(crate) fn refuse(reason: impl fmt::Display) -> ! {
    console::raw(format_args!("{REFUSAL_PREFIX} {reason}"));
    leave(Exit::Refused)
}
