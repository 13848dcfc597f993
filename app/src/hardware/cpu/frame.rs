//! The layout of the registers that a trap saves on the stack.

/// The saved words, lowest address first. The entry code of the trap pushes the first ones, and the processor those
/// from the error code on.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct TrapFrame {
    /// r15 to rax. The entry code pushes them in the reverse order.
    pub(crate) registers: [u64; 15],
    /// Vector of the trap.
    pub(crate) vector: u64,
    /// Error code that the processor has pushed, or 0 for a trap without an error code.
    pub(crate) error: u64,
    /// Address at which execution resumes after the trap.
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
