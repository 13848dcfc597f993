//! The entry code of all traps. It saves the registers as a [`TrapFrame`], calls the handler in Rust, and restores the
//! registers.
//!
//! [`TrapFrame`]: crate::hardware::cpu::frame::TrapFrame
//!
//! The image is compiled without SSE and without a red zone, so it is sufficient to save the general registers.

use core::arch::naked_asm;

use crate::bare::apic::SPURIOUS;
use crate::bare::traps;
use crate::hardware::cpu::vectors;

/// Saves the registers and calls [`traps::dispatch`].
///
/// The processor aligns the stack to 16 bytes and pushes 5 words. With the error code, the vector and 15 registers, 22
/// words are on the stack, so the stack is aligned to 16 bytes at the call, as the ABI requires.
#[unsafe(naked)]
extern "C" fn common() {
    naked_asm!(
        "push rax",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "mov rdi, rsp",
        "call {dispatch}",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        // Removes the vector and the error code.
        "add rsp, 16",
        "iretq",
        dispatch = sym traps::dispatch,
    )
}

/// Defines the entry code of traps. For the vectors after `bare`, the processor pushes no error code, so a 0 is pushed
/// instead. For those after `error`, the processor pushes one.
macro_rules! entries {
    (bare: $($plain:ident = $plain_vector:expr),+; error: $($coded:ident = $coded_vector:expr),+ $(,)?) => {
        $(
            #[unsafe(naked)]
            pub(crate) extern "C" fn $plain() {
                naked_asm!(
                    "push 0",
                    "push {vector}",
                    "jmp {common}",
                    vector = const $plain_vector,
                    common = sym common,
                )
            }
        )+
        $(
            #[unsafe(naked)]
            pub(crate) extern "C" fn $coded() {
                naked_asm!(
                    "push {vector}",
                    "jmp {common}",
                    vector = const $coded_vector,
                    common = sym common,
                )
            }
        )+
    };
}

entries! {
    bare: divide_error = 0, debug = 1, nmi = 2, breakpoint = 3, overflow = 4, bound_range = 5,
        invalid_opcode = 6, device_not_available = 7, x87 = 16, machine_check = 18, simd = 19,
        virtualization = 20, timer = vectors::TIMER as u32, network = vectors::NETWORK as u32,
        flush = vectors::FLUSH as u32, work = vectors::WORK as u32,
        spurious = SPURIOUS as u32;
    error: double_fault = 8, invalid_tss = 10, segment_not_present = 11, stack_segment = 12,
        general_protection = 13, page_fault = 14, alignment_check = 17, control_protection = 21,
}
