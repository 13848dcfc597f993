//! The local APIC: acknowledges interrupts and wakes a sleeping CPU.
//!
//! xAPIC only, as TCG has no x2APIC. The two 8259s stay masked.

#![expect(unsafe_code, reason = "writes the ports of the 8259s and an MSR")]

use spin::Once;
use x86_64::instructions::port::PortWriteOnly;
use x86_64::registers::model_specific::{ApicBase, ApicBaseFlags};

use crate::hardware::cpu::vectors;
use crate::hardware::memory::tables::MapError;
use crate::hardware::registers::Registers;
use crate::platform::span::Span;

// Offsets: Intel SDM volume 3, "Local APIC Register Address Map".
const ID: u64 = 0x20;
const TASK_PRIORITY: u64 = 0x80;
const END_OF_INTERRUPT: u64 = 0xb0;
const SPURIOUS_VECTOR: u64 = 0xf0;
const COMMAND_LOW: u64 = 0x300;
const COMMAND_HIGH: u64 = 0x310;
const LVT_TIMER: u64 = 0x320;
const LVT_LINT0: u64 = 0x350;
const LVT_LINT1: u64 = 0x360;
const LVT_ERROR: u64 = 0x370;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE: u64 = 0x3e0;

/// In the command: the last one is still on its way.
const PENDING: u32 = 1 << 12;
/// In the command: a level that is raised, as INIT wants it.
const ASSERT: u32 = 1 << 14;
const INIT: u32 = 5 << 8;
const STARTUP: u32 = 6 << 8;
/// Reads of the command until it is sent: far more than any bus takes.
const SEND_READS_MAX: u32 = 1_000_000;

const LVT_MASKED: u32 = 1 << 16;
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// Encoding of "divide by 16": a 32-bit count at 1 GHz then lasts a minute.
const DIVIDE_BY_16: u32 = 0b0011;

static REGISTERS: Once<Registers> = Once::new();

/// Enables this CPU's local APIC, with every source masked except its timer. All CPUs have theirs
/// at the same address.
///
/// # Errors
///
/// Its registers cannot be mapped.
pub(crate) fn init() -> Result<(), MapError> {
    let (base, flags) = ApicBase::read();
    // SAFETY: only sets the enable bit at the address that it has.
    unsafe { ApicBase::write(base, flags | ApicBaseFlags::LAPIC_ENABLE) };
    let span = Span::from_bytes(base.start_address().as_u64(), 4096);
    let registers = *REGISTERS.try_call_once(|| {
        mask_8259s();
        Registers::map(span)
    })?;
    for entry in [LVT_LINT0, LVT_LINT1, LVT_ERROR] {
        registers.write(entry, LVT_MASKED);
    }
    registers.write(LVT_TIMER, u32::from(vectors::TIMER));
    registers.write(DIVIDE, DIVIDE_BY_16);
    registers.write(INITIAL_COUNT, 0_u32);
    registers.write(TASK_PRIORITY, 0_u32);
    registers.write(SPURIOUS_VECTOR, SOFTWARE_ENABLE | u32::from(vectors::SPURIOUS));
    Ok(())
}

fn mask_8259s() {
    for port in [0x21, 0xa1] {
        // SAFETY: masks all lines of one controller; nobody waits for them.
        unsafe { PortWriteOnly::<u8>::new(port).write(0xff) };
    }
}

fn registers() -> Registers {
    *REGISTERS.get().expect("the local APIC is set up before the first interrupt")
}

/// This CPU's identifier on the interrupt bus.
pub(crate) fn id() -> u32 {
    registers().read::<u32>(ID) >> 24
}

/// Interrupts another CPU.
///
/// # Context
///
/// With interrupts off: the two halves of the command belong together.
pub(crate) fn interrupt(identifier: u32, vector: u8) {
    send(identifier, ASSERT | u32::from(vector));
}

/// Makes another CPU wait for its [`start`].
pub(crate) fn reset(identifier: u32) {
    send(identifier, ASSERT | INIT);
}

/// Starts a CPU that was reset, in real mode at a page below 1 MiB.
pub(crate) fn start(identifier: u32, page: u64) {
    let vector = u8::try_from(page >> 12).expect("a CPU starts below 1 MiB");
    send(identifier, ASSERT | STARTUP | u32::from(vector));
}

/// Bound: [`SEND_READS_MAX`] reads; a command that is still pending then is lost, and whoever waits
/// for its effect says so.
fn send(identifier: u32, command: u32) {
    let registers = registers();
    for _ in 0..SEND_READS_MAX {
        if registers.read::<u32>(COMMAND_LOW) & PENDING == 0 {
            break;
        }
    }
    registers.write(COMMAND_HIGH, identifier << 24);
    registers.write(COMMAND_LOW, command);
}

/// Ends the interrupt in service.
pub(crate) fn acknowledge() {
    registers().write(END_OF_INTERRUPT, 0_u32);
}

/// Starts the timer: one interrupt after `ticks` ticks, none for 0.
pub(crate) fn start_timer(ticks: u32) {
    registers().write(INITIAL_COUNT, ticks);
}

/// Ticks until the timer's interrupt.
pub(crate) fn timer_left() -> u32 {
    registers().read(CURRENT_COUNT)
}
