//! Drives the local APIC, which acknowledges interrupts, sends IPIs, and contains the timer that ends a sleep.
//!
//! Only the xAPIC mode is supported, because QEMU's TCG has no x2APIC. The runtime must have enabled the APIC.

use core::fmt;

use spin::Once;
use x86_64::registers::model_specific::ApicBase;

use crate::hardware::cpu::vectors;
use crate::hardware::memory::tables::MapError;
use crate::hardware::registers::Registers;
use crate::platform::span::Span;

// Offsets: Intel SDM volume 3, "Local APIC Register Address Map".
const ID: u64 = 0x20;
const END_OF_INTERRUPT: u64 = 0xb0;
const COMMAND_LOW: u64 = 0x300;
const COMMAND_HIGH: u64 = 0x310;
const LVT_TIMER: u64 = 0x320;
/// The entry of the local vector table for interrupts of the 8259 controllers.
pub(crate) const LVT_LINT0: u64 = 0x350;
const LVT_ERROR: u64 = 0x370;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE: u64 = 0x3e0;

/// Bit of the command register that is set while the last command is not delivered.
const PENDING: u32 = 1 << 12;
/// Bit of the command register that asserts the interrupt level. INIT requires it.
pub(crate) const ASSERT: u32 = 1 << 14;
/// Maximum number of reads of the command register while the previous command is pending. Delivery takes far fewer.
const SEND_READS_MAX: u32 = 1_000_000;

pub(crate) const LVT_MASKED: u32 = 1 << 16;
/// Encoding of "divide by 16". With a clock of 1 GHz, the 32-bit count then lasts for more than a minute.
const DIVIDE_BY_16: u32 = 0b0011;

/// Bit of the base register that is set in x2APIC mode, in which the registers are MSRs instead of memory.
const X2APIC: u64 = 1 << 10;

static REGISTERS: Once<Registers> = Once::new();

/// Sets up the timer of this CPU's local APIC and masks the error interrupt.
///
/// # Errors
///
/// See [`NoApic`].
pub(crate) fn attach() -> Result<(), NoApic> {
    let (base, flags) = ApicBase::read();
    if flags.bits() & X2APIC != 0 {
        return Err(NoApic::X2Apic);
    }
    let span = Span::from_bytes(base.start_address().as_u64(), 4096);
    let registers = *REGISTERS.try_call_once(|| Registers::map(span)).map_err(NoApic::Map)?;
    // The error interrupt is masked, because a kernel below the image may have set a handler that stops the machine.
    registers.write(LVT_ERROR, LVT_MASKED);
    registers.write(LVT_TIMER, u32::from(vectors::TIMER));
    registers.write(DIVIDE, DIVIDE_BY_16);
    registers.write(INITIAL_COUNT, 0_u32);
    Ok(())
}

/// Reasons why the local APIC cannot be used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoApic {
    /// The APIC is in x2APIC mode, so its registers are not in memory.
    X2Apic,
    /// The registers cannot be mapped.
    Map(MapError),
}

impl fmt::Display for NoApic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X2Apic => f.write_str(
                "the local APIC is in x2APIC mode, a processor without it (-x2apic) is needed",
            ),
            Self::Map(error) => error.fmt(f),
        }
    }
}

/// Returns the registers, which have the same address on all CPUs.
///
/// # Panics
///
/// [`attach`] was never called.
pub(crate) fn registers() -> Registers {
    *REGISTERS.get().expect("the local APIC is set up before the first interrupt")
}

/// Returns the APIC identifier of this CPU.
pub(crate) fn id() -> u32 {
    registers().read::<u32>(ID) >> 24
}

/// Sends an IPI with `vector` to the CPU whose APIC has this `identifier`.
///
/// # Context
///
/// With interrupts off, because a command consists of two writes, and an interrupt handler might send another command
/// between them.
pub(crate) fn interrupt(identifier: u32, vector: u8) {
    send(identifier, ASSERT | u32::from(vector));
}

/// Writes a command for the CPU whose APIC has this `identifier` to the command register.
///
/// # Context
///
/// As [`interrupt`]. The wait for the previous command is limited to [`SEND_READS_MAX`] reads. If that command is still
/// pending then, it is lost, and the code that waits for its effect reports a timeout.
pub(crate) fn send(identifier: u32, command: u32) {
    let registers = registers();
    for _ in 0..SEND_READS_MAX {
        if registers.read::<u32>(COMMAND_LOW) & PENDING == 0 {
            break;
        }
    }
    registers.write(COMMAND_HIGH, identifier << 24);
    registers.write(COMMAND_LOW, command);
}

/// Tells the APIC that the handler of the current interrupt has finished.
pub(crate) fn acknowledge() {
    registers().write(END_OF_INTERRUPT, 0_u32);
}

/// Starts the timer, which raises one interrupt after `ticks` ticks. 0 stops the timer.
pub(crate) fn start_timer(ticks: u32) {
    registers().write(INITIAL_COUNT, ticks);
}

/// Returns the ticks that are left until the timer raises its interrupt.
pub(crate) fn timer_left() -> u32 {
    registers().read(CURRENT_COUNT)
}
