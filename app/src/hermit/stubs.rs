//! The entry code of the image's gates. It saves the registers as a [`TrapFrame`], calls the handler in Rust, and
//! restores the registers.
//!
//! The gates run on the interrupted stack, except those of NMI, #DF and #MC, which run on a stack of the TSS. Hermit's
//! own gates all run on a stack of the TSS, where Hermit's handlers may switch threads.
//!
//! [`TrapFrame`]: crate::hardware::cpu::frame::TrapFrame

use core::arch::naked_asm;
use core::sync::atomic::AtomicU64;

use crate::hardware::cpu::vectors;
use crate::hermit::traps;

/// A gate that can forward its exception to Hermit's handler.
#[derive(Debug)]
pub(super) struct Chained {
    /// The slot of the interrupt stack table for the stack of this gate, counted from 0. `None` for the interrupted
    /// stack.
    pub(super) stack: Option<u16>,
    /// The entry code of the gate.
    pub(super) stub: extern "C" fn(),
    /// The address of Hermit's handler, which is stored before the gate is set.
    pub(super) hermit: &'static AtomicU64,
}

/// Pushes the registers in the order of [`TrapFrame`], and passes the address of the frame as the first argument.
macro_rules! save {
    () => {
        "push rax; push rbx; push rcx; push rdx; push rsi; push rdi; push rbp; push r8; push r9;
         push r10; push r11; push r12; push r13; push r14; push r15; cld; mov rdi, rsp"
    };
}

macro_rules! restore {
    () => {
        "pop r15; pop r14; pop r13; pop r12; pop r11; pop r10; pop r9; pop r8; pop rbp; pop rdi;
         pop rsi; pop rdx; pop rcx; pop rbx; pop rax"
    };
}

/// Defines gates of exceptions. `$push` is an instruction that pushes a 0 if the processor pushes no error code.
/// `$own_bytes` is the number of bytes that must be removed from the stack before Hermit's handler runs.
macro_rules! chained {
    ($push:literal, $own_bytes:literal: $($name:ident = $vector:expr, $stack:expr);+ $(;)?) => {
        $(
            pub(super) static $name: Chained = {
                static HERMIT: AtomicU64 = AtomicU64::new(0);

                #[unsafe(naked)]
                extern "C" fn stub() {
                    naked_asm!(
                        $push,
                        "push {vector}",
                        save!(),
                        "call {resolve}",
                        "test al, al",
                        "jz 2f",
                        restore!(),
                        // Removes the vector and the error code.
                        "add rsp, 16",
                        "iretq",
                        "2:",
                        restore!(),
                        "add rsp, {own_bytes}",
                        "jmp [rip + {hermit}]",
                        vector = const $vector,
                        resolve = sym traps::resolve,
                        own_bytes = const $own_bytes,
                        hermit = sym HERMIT,
                    )
                }

                Chained { stack: $stack, stub, hermit: &HERMIT }
            };
        )+
    };
}

chained! {
    "push 0", 16:
    DIVIDE_ERROR = 0, None;
    DEBUG = 1, None;
    NMI = vectors::NMI, Some(2);
    BREAKPOINT = 3, None;
    OVERFLOW = 4, None;
    BOUND_RANGE = 5, None;
    INVALID_OPCODE = 6, None;
    X87 = 16, None;
    MACHINE_CHECK = 18, Some(3);
    SIMD = 19, None;
    VIRTUALIZATION = 20, None;
}

chained! {
    "", 8:
    DOUBLE_FAULT = vectors::DOUBLE_FAULT, Some(1);
    INVALID_TSS = 10, None;
    SEGMENT_NOT_PRESENT = 11, None;
    STACK_SEGMENT = 12, None;
    GENERAL_PROTECTION = vectors::GENERAL_PROTECTION, None;
    PAGE_FAULT = vectors::PAGE_FAULT, None;
    ALIGNMENT_CHECK = 17, None;
    CONTROL_PROTECTION = 21, None;
}

/// Handles a spurious interrupt, which must not be acknowledged.
#[unsafe(naked)]
pub(super) extern "C" fn spurious() {
    naked_asm!("iretq")
}

/// Defines the gates of the image's own interrupts.
macro_rules! own {
    ($($name:ident = $vector:expr),+ $(,)?) => {
        $(
            #[unsafe(naked)]
            pub(super) extern "C" fn $name() {
                naked_asm!(
                    "push 0",
                    "push {vector}",
                    save!(),
                    "call {interrupt}",
                    restore!(),
                    "add rsp, 16",
                    "iretq",
                    vector = const $vector as u32,
                    interrupt = sym traps::interrupt,
                )
            }
        )+
    };
}

own! {
    timer = vectors::TIMER, network = vectors::NETWORK, flush = vectors::FLUSH, work = vectors::WORK,
}
