//! The first instructions of the image's gates: they save the registers as a [`TrapFrame`], call Rust and restore
//! the registers.
//!
//! The gates run on the interrupted stack, except for three. Hermit's own gates run on a stack of the TSS, and its
//! handlers may switch threads there.
//!
//! [`TrapFrame`]: crate::hardware::cpu::frame::TrapFrame

use core::arch::naked_asm;
use core::sync::atomic::AtomicU64;

use crate::hardware::cpu::vectors;
use crate::hermit::traps;

/// A gate that can forward to Hermit's handler.
#[derive(Debug)]
pub(super) struct Chained {
    /// The slot of the interrupt stack table that Hermit uses for the vector, counted from 0.
    pub(super) stack: Option<u16>,
    /// The first instruction of the gate.
    pub(super) stub: extern "C" fn(),
    /// The address of Hermit's handler.
    pub(super) hermit: &'static AtomicU64,
}

/// Pushes the registers in the order of the frame, and passes the address of the frame.
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

/// Defines gates of exceptions. `$push` pushes a 0 in place of a missing error code. `$own_bytes` are the bytes to
/// remove from the stack before Hermit's handler runs.
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

/// A spurious interrupt, which must not be acknowledged.
#[unsafe(naked)]
pub(super) extern "C" fn spurious() {
    naked_asm!("iretq")
}

/// Defines gates of the image's interrupts.
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
