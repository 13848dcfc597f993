//! Sets up the local APIC, in which every local interrupt except the timer is masked, masks the two 8259 controllers,
//! and sends the commands that start APs.

#![expect(unsafe_code, reason = "writes the ports of the 8259s and an MSR")]

use x86_64::instructions::port::PortWriteOnly;
use x86_64::registers::model_specific::{ApicBase, ApicBaseFlags};

use crate::hardware::cpu::apic::{self, ASSERT, LVT_LINT0, LVT_MASKED, NoApic};

/// The vector of a spurious interrupt, which must not be acknowledged.
pub(crate) const SPURIOUS: u8 = 0xff;

// Offsets: Intel SDM volume 3, "Local APIC Register Address Map".
const TASK_PRIORITY: u64 = 0x80;
const SPURIOUS_VECTOR: u64 = 0xf0;
const LVT_LINT1: u64 = 0x360;

const INIT: u32 = 5 << 8;
const STARTUP: u32 = 6 << 8;
const SOFTWARE_ENABLE: u32 = 1 << 8;

/// Enables this CPU's local APIC.
///
/// # Errors
///
/// See [`NoApic`].
pub(crate) fn init() -> Result<(), NoApic> {
    let (base, flags) = ApicBase::read();
    // SAFETY: sets the enable bit only; the address is unchanged.
    unsafe { ApicBase::write(base, flags | ApicBaseFlags::LAPIC_ENABLE) };
    mask_8259s();
    apic::attach()?;
    let registers = apic::registers();
    for entry in [LVT_LINT0, LVT_LINT1] {
        registers.write(entry, LVT_MASKED);
    }
    registers.write(TASK_PRIORITY, 0_u32);
    registers.write(SPURIOUS_VECTOR, SOFTWARE_ENABLE | u32::from(SPURIOUS));
    Ok(())
}

fn mask_8259s() {
    for port in [0x21, 0xa1] {
        // SAFETY: masks all lines of one controller, which are not used.
        unsafe { PortWriteOnly::<u8>::new(port).write(0xff) };
    }
}

/// Resets the AP whose APIC has this `identifier`. The AP then waits for [`start`].
pub(crate) fn reset(identifier: u32) {
    apic::send(identifier, ASSERT | INIT);
}

/// Starts an AP that was reset. The AP begins in real mode at the address `page`, which must be below 1 MiB.
pub(crate) fn start(identifier: u32, page: u64) {
    let vector = u8::try_from(page >> 12).expect("a CPU starts below 1 MiB");
    apic::send(identifier, ASSERT | STARTUP | u32::from(vector));
}
