//! Judges the end of a guest by QEMU's exit code and the console.
//!
//! Two programs can end a guest: the image, with a code of [`Exit`], and a kernel below the image, with a
//! code of [`KernelExit`]. A guest without such a kernel is always ended by the image.

use core::fmt;

use super::exit::Exit;

/// The reason why a kernel below the image ends the guest. The value is the byte that the kernel writes to
/// `isa-debug-exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KernelExit {
    /// The kernel panicked, or met a CPU exception that it does not handle.
    Failure = 0,
    /// The program's `main` returned, or the program requested the exit.
    Success = 1,
}

impl KernelExit {
    /// Returns the exit code with which QEMU ends: 1 for a failure, 3 for success.
    #[must_use]
    pub const fn qemu_code(self) -> i32 {
        ((self as i32) << 1) | 1
    }
}

/// The text after the CPU number in the line of a kernel panic: `[0][PANIC] panicked at …`.
const PANIC: &str = "][PANIC] ";
/// The text after the CPU number in the first line of an unhandled CPU exception. That line also contains the
/// abbreviation of the exception in parentheses: `[0][ERROR] Page fault (#PF)!`.
const ERROR: &str = "][ERROR] ";

/// Returns the first line in which a kernel below the image reports why it stops: a panic, or a CPU exception
/// that it does not handle.
#[must_use]
pub fn kernel_stop(serial: &str) -> Option<&str> {
    serial.lines().find(|line| {
        let is_fault = |text: &str| text.contains("(#") || text.contains("(NMI)");
        line.starts_with('[')
            && (line.contains(PANIC)
                || line.split_once(ERROR).is_some_and(|(_, text)| is_fault(text)))
    })
}

/// The end of a guest that was not ended by a signal to QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestEnd {
    /// The image ended the guest.
    Image(Exit),
    /// A kernel below the image ended the guest, or QEMU failed with the code that such a kernel uses.
    Kernel(KernelExit),
    /// The guest was reset without a write to the debug-exit port.
    Reset,
    /// QEMU refused to start the guest.
    NotStarted,
    /// QEMU ended with an exit code that neither the image nor a kernel uses.
    Unknown(i32),
}

impl GuestEnd {
    /// Judges the end by QEMU's exit code and the text of the console.
    ///
    /// Exit code 1 has two meanings: QEMU could not start the guest, or a kernel has failed. Kernels write to
    /// the console from their first steps, so an empty console means that the guest was not started.
    #[must_use]
    pub fn judge(code: i32, serial: &str) -> Self {
        if let Some(exit) = Exit::from_qemu_code(code) {
            return Self::Image(exit);
        }
        let has_started = !serial.trim().is_empty();
        match code {
            0 => Self::Reset,
            1 if !has_started => Self::NotStarted,
            code if code == KernelExit::Failure.qemu_code() => Self::Kernel(KernelExit::Failure),
            code if code == KernelExit::Success.qemu_code() => Self::Kernel(KernelExit::Success),
            code => Self::Unknown(code),
        }
    }

    /// Returns QEMU's exit code.
    #[must_use]
    pub const fn qemu_code(self) -> i32 {
        match self {
            Self::Image(exit) => exit.qemu_code(),
            Self::Kernel(exit) => exit.qemu_code(),
            Self::Reset => 0,
            Self::NotStarted => 1,
            Self::Unknown(code) => code,
        }
    }

    /// Returns a clause that describes the end.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Image(exit) => exit.meaning(),
            Self::Kernel(KernelExit::Failure) => {
                "QEMU failed, or a kernel below the image stopped it"
            }
            Self::Kernel(KernelExit::Success) => {
                "QEMU failed, or a kernel below the image ended it"
            }
            Self::Reset => "a triple fault or a reset",
            Self::NotStarted => "QEMU refused to start the guest",
            Self::Unknown(_) => "neither the image nor a kernel uses it",
        }
    }
}

impl fmt::Display for GuestEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}: {}", self.qemu_code(), self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTED: &str = "[0][INFO] Welcome\r\n";

    #[test]
    fn codes_of_the_image_and_of_a_kernel_differ() {
        for exit in Exit::ALL {
            assert_eq!(GuestEnd::judge(exit.qemu_code(), BOOTED), GuestEnd::Image(exit));
        }
        assert_eq!(GuestEnd::judge(1, BOOTED), GuestEnd::Kernel(KernelExit::Failure));
        assert_eq!(GuestEnd::judge(3, BOOTED), GuestEnd::Kernel(KernelExit::Success));
        assert_eq!(GuestEnd::judge(0, BOOTED), GuestEnd::Reset);
        assert_eq!(GuestEnd::judge(5, BOOTED), GuestEnd::Unknown(5));
    }

    #[test]
    fn a_guest_with_an_empty_console_was_refused_by_qemu() {
        assert_eq!(GuestEnd::judge(1, ""), GuestEnd::NotStarted);
        assert_eq!(GuestEnd::judge(1, "\r\n"), GuestEnd::NotStarted);
    }

    #[test]
    fn ends_show_their_code() {
        for code in [0, 1, 3, 5, 33, 37] {
            let end = GuestEnd::judge(code, BOOTED);
            assert_eq!(end.qemu_code(), code);
            assert!(end.to_string().starts_with(&format!("exit code {code}: ")), "{end}");
        }
        let end = GuestEnd::judge(1, BOOTED);
        assert_eq!(
            end.to_string(),
            "exit code 1: QEMU failed, or a kernel below the image stopped it"
        );
    }

    #[test]
    fn a_kernel_states_why_it_stops() {
        let stop = |line| kernel_stop(line).is_some();
        assert!(stop("[1][PANIC] panicked at src/a.rs:1:2:"));
        assert!(stop("[0][ERROR] Page fault (#PF)!"));
        assert!(stop("[0][ERROR] General Protection (#GP) Exception: frame, error 0x0"));
        assert!(stop("[0][ERROR] Non-Maskable Interrupt (NMI) Exception: frame"));
        assert!(!stop("[0][ERROR] no network device"));
        assert!(!stop("[0][INFO] Page fault (#PF)!"));
        assert!(!stop("FAULT #PF address=0x0"));
        let serial = "[0][INFO] up\r\n[0][PANIC] panicked at a\r\nlater\r\n";
        assert_eq!(kernel_stop(serial), Some("[0][PANIC] panicked at a"));
    }
}
