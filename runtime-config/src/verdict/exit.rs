//! The exit of the image through `isa-debug-exit`.

/// The reason of the guest's exit; the value is the byte that the guest writes to `isa-debug-exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The guest has done all that was requested.
    Success = 16,
    /// A test failed.
    Failure = 17,
    /// The guest panicked; the message is on the console.
    Panic = 18,
    /// A fatal CPU exception; the [`FAULT_PREFIX`](super::FAULT_PREFIX) line is on the console.
    Fault = 19,
    /// The image cannot run on the machine: too little memory, no network device.
    Refused = 20,
}

impl Exit {
    /// All reasons.
    pub const ALL: [Self; 5] =
        [Self::Success, Self::Failure, Self::Panic, Self::Fault, Self::Refused];

    /// Returns the byte to write to the debug-exit port.
    #[must_use]
    pub const fn port_value(self) -> u8 {
        self as u8
    }

    /// Returns the exit code that QEMU ends with: 33 for success, then 35, 37, 39, 41.
    #[must_use]
    pub const fn qemu_code(self) -> i32 {
        ((self as i32) << 1) | 1
    }

    /// Returns the reason behind an exit code of QEMU, or `None` if the guest did not choose the code.
    #[must_use]
    pub fn from_qemu_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.qemu_code() == code)
    }

    /// Describes the reason in a clause.
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
