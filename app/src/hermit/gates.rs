//! The gates of the interrupt table that are the image's: page faults, protection faults, and its own vectors.
//!
//! A fault that concerns the window or that an access survives is handled here. Every other one goes on to the
//! handler that Hermit had put there, with the stack and the registers as the processor left them. Hermit's gates
//! run on stack 1 of the task state, and its handlers may switch threads there; these run on the stack of whoever was
//! interrupted.

#![expect(unsafe_code, reason = "replaces gates of the kernel's interrupt table")]

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use runtime_config::layout::{WINDOW_END, WINDOW_START};
use x86_64::VirtAddr;
use x86_64::instructions::interrupts;
use x86_64::instructions::tables::sidt;
use x86_64::registers::control::Cr2;
use x86_64::structures::idt::{Entry, InterruptDescriptorTable};

use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::cpu::{apic, vectors};
use crate::hardware::{fault, machine};
use crate::hermit::records;

/// Hermit's handlers of the faults that both look at.
static HERMIT_PAGE_FAULT: AtomicU64 = AtomicU64::new(0);
static HERMIT_PROTECTION_FAULT: AtomicU64 = AtomicU64::new(0);

/// Pushes the registers as [`TrapFrame`] has them, and passes their address on.
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

/// Defines a gate for a fault with an error code that goes on to Hermit's handler.
macro_rules! chained {
    ($name:ident, $vector:expr, $hermit:ident) => {
        #[unsafe(naked)]
        extern "C" fn $name() {
            naked_asm!(
                "push {vector}",
                save!(),
                "call {resolve}",
                "test al, al",
                "jz 2f",
                restore!(),
                "add rsp, 16",
                "iretq",
                "2:",
                restore!(),
                "add rsp, 8",
                "jmp [rip + {hermit}]",
                vector = const $vector,
                resolve = sym resolve,
                hermit = sym $hermit,
            )
        }
    };
}

/// Defines a gate for an interrupt of the image.
macro_rules! own {
    ($name:ident, $vector:expr) => {
        #[unsafe(naked)]
        extern "C" fn $name() {
            naked_asm!(
                "push 0",
                "push {vector}",
                save!(),
                "call {interrupt}",
                restore!(),
                "add rsp, 16",
                "iretq",
                vector = const $vector as u32,
                interrupt = sym interrupt,
            )
        }
    };
}

chained!(page_fault, vectors::PAGE_FAULT, HERMIT_PAGE_FAULT);
chained!(protection_fault, vectors::GENERAL_PROTECTION, HERMIT_PROTECTION_FAULT);
own!(timer, vectors::TIMER);
own!(network, vectors::NETWORK);
own!(flush, vectors::FLUSH);
own!(work, vectors::WORK);

/// Whether the trap goes on at `frame.rip`; if not, it is Hermit's. One in the window that nobody recovers from
/// ends the image here, with whose the address was.
pub(super) extern "C" fn resolve(frame: &mut TrapFrame) -> bool {
    // Read at once: a nested fault overwrites it.
    let address = (frame.vector == vectors::PAGE_FAULT).then(Cr2::read_raw);
    let mut goes_on = false;
    records::with_own(|| {
        goes_on = address.is_some_and(|address| fault::is_over(frame, address))
            || fault::is_recovered(frame, address);
        if let Some(address) = address.filter(|address| !goes_on && is_in_window(*address)) {
            fault::stop(frame, address);
        }
    });
    goes_on
}

fn is_in_window(address: u64) -> bool {
    (WINDOW_START..WINDOW_END).contains(&address)
}

extern "C" fn interrupt(frame: &mut TrapFrame) {
    // The others only end a `hlt`.
    if frame.vector == u64::from(vectors::FLUSH) {
        records::with_own(machine::answer_flush);
    }
    apic::acknowledge();
}

/// Replaces the gates; once, because all CPUs share the table.
pub(super) fn install() {
    interrupts::without_interrupts(|| {
        let table = sidt().base.as_mut_ptr::<InterruptDescriptorTable>();
        // SAFETY: the table is a static of Hermit, which is written at boot alone; no other CPU takes any of these
        // vectors yet.
        let table = unsafe { &mut *table };
        HERMIT_PAGE_FAULT.store(table.page_fault.handler_addr().as_u64(), Ordering::Relaxed);
        let protection = table.general_protection_fault.handler_addr();
        HERMIT_PROTECTION_FAULT.store(protection.as_u64(), Ordering::Relaxed);
        set(&mut table.page_fault, page_fault);
        set(&mut table.general_protection_fault, protection_fault);
        set(&mut table[vectors::TIMER], timer);
        set(&mut table[vectors::NETWORK], network);
        set(&mut table[vectors::FLUSH], flush);
        set(&mut table[vectors::WORK], work);
    });
}

fn set<F>(entry: &mut Entry<F>, handler: extern "C" fn()) {
    let mut fresh = Entry::missing();
    // SAFETY: the gates defined here save every register, know whether their vector pushes an error code, and return
    // by `iretq` or go on to a handler that does.
    unsafe { fresh.set_handler_addr(VirtAddr::new(handler as usize as u64)) };
    *entry = fresh;
}
