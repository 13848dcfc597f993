//! The registers that a trap saves on the stack.

/// The saved words, lowest address first: the registers that the entry code pushes, then those that the
/// processor pushes.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct TrapFrame {
    /// r15 to rax, in the reverse order of the pushes.
    pub(crate) registers: [u64; 15],
    /// Vector of the trap.
    pub(crate) vector: u64,
    /// Error code of the processor, or 0.
    pub(crate) error: u64,
    /// Address at which the trap resumes.
    pub(crate) rip: u64,
    /// Code segment.
    pub(crate) cs: u64,
    /// Flags.
    pub(crate) rflags: u64,
    /// Stack pointer before the trap.
    pub(crate) rsp: u64,
    /// Stack segment.
    pub(crate) ss: u64,
}
