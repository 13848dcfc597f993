//! The registers as a trap leaves them on the stack.

/// The words that a trap pushes, lowest address first: our registers, then what the processor pushed.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct TrapFrame {
    /// r15 to rax, in the order of the pushes reversed.
    pub(crate) registers: [u64; 15],
    /// Which trap.
    pub(crate) vector: u64,
    /// The processor's error code, 0 where it pushes none.
    pub(crate) error: u64,
    /// Where the trap returns to.
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
