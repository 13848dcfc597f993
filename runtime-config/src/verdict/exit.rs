//! The exit codes of the image, which it passes to QEMU through `isa-debug-exit`.

/// The reason why the image ends the guest. The value is the byte that the image writes to `isa-debug-exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The guest has done all that was requested.
    Success = 16,
    /// A test failed.
    Failure = 17,
    /// The image panicked. The message is on the console.
    Panic = 18,
    /// A fatal CPU exception occurred. A line with [`FAULT_PREFIX`](super::FAULT_PREFIX) is on the console.
    Fault = 19,
    /// The image cannot run on the machine, for example because of too little memory or no network device.
    Refused = 20,
}

impl Exit {
    /// All reasons.
    pub const ALL: [Self; 5] =
        [Self::Success, Self::Failure, Self::Panic, Self::Fault, Self::Refused];

    /// Returns the byte that the image writes to the debug-exit port.
    #[must_use]
    pub const fn port_value(self) -> u8 {
        self as u8
    }

    /// Returns the exit code with which QEMU ends: 33 for success, and 35, 37, 39 and 41 for the other
    /// reasons.
    #[must_use]
    pub const fn qemu_code(self) -> i32 {
        ((self as i32) << 1) | 1
    }

    /// Returns the reason for an exit code of QEMU. Returns `None` if the image does not use the code.
    #[must_use]
    pub fn from_qemu_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.qemu_code() == code)
    }

    /// Returns a clause that describes the reason.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "the guest left with success",
            Self::Failure => "a test in the guest failed",
            Self::Panic => "the guest panicked",
            Self::Fault => "a CPU exception stopped the guest",
            Self::Refused => "the guest cannot run on this machine",
        }
    }
}
