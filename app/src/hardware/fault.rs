//! Recovers from page faults, and reports fatal traps.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use runtime_config::verdict::FAULT_PREFIX;
use x86_64::instructions::{hlt, interrupts};

use crate::hardware::console;
use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::cpu::{backtrace, fixups, local, retries, vectors};
use crate::hardware::machine;
use crate::hardware::memory::{image, stacks, window};

const PAGE_BYTES: u64 = 4096;

/// Number of the CPU that reports a fatal trap and stops the image, or `u32::MAX` while the image runs.
static STOPPING: AtomicU32 = AtomicU32::new(u32::MAX);

/// Returns whether a page fault is spurious and the access must be retried: another CPU has allowed the access, but the
/// TLB of this CPU contains the old entry.
///
/// # Context
///
/// The handler of page faults, with interrupts off. Takes no lock.
pub(crate) fn is_over(frame: &TrapFrame, address: u64) -> bool {
    machine::window().is_some_and(|vm| retries::is_over(vm, &local::get().retries, frame, address))
}

/// Makes the faulting access return an error, if the exception table has an entry for its instruction, and counts the
/// fault as recovered. Returns `false` if there is no entry. `address` is the faulting address of a page fault, and
/// `None` for other traps.
///
/// # Context
///
/// As [`is_over`].
pub(crate) fn is_recovered(frame: &mut TrapFrame, address: Option<u64>) -> bool {
    let is_recovered = fixups::recover(frame, address);
    if is_recovered && let Some(vm) = machine::window() {
        vm.faults().note_recovered();
    }
    is_recovered
}

/// Prints a fatal trap, the owner of the faulting address, and a backtrace. If several CPUs call this function, it
/// returns only on the first CPU, and the other ones halt.
///
/// # Context
///
/// Any trap. Takes no lock and does not allocate.
pub(crate) fn report(frame: &TrapFrame, address: u64) {
    let me = local::number();
    let first = STOPPING.compare_exchange(u32::MAX, me, Ordering::Relaxed, Ordering::Relaxed).err();
    // This CPU halts forever, so that the first CPU can finish its lines.
    while first.is_some_and(|first| first != me) {
        interrupts::disable();
        hlt();
    }
    // If this CPU faults again while it writes its report, the second fault is not reported.
    if first.is_none() {
        console::raw(format_args!(
            "{FAULT_PREFIX} {} address={address:#x} rip={:#x} error={:#x} rsp={:#x} vector={} cpu={} {}",
            vectors::mnemonic(frame.vector),
            frame.rip,
            frame.error,
            frame.rsp,
            frame.vector,
            me,
            FaultOrigin { frame, address },
        ));
        backtrace::print(Some(frame.rip), frame.rsp);
    }
}

/// Writes the owner of the address of a fault.
struct FaultOrigin<'a> {
    frame: &'a TrapFrame,
    /// The value of CR2.
    address: u64,
}

impl FaultOrigin<'_> {
    /// Returns whether the fault is an overflow of the stack of this CPU.
    fn is_overflow(&self) -> bool {
        let is_at_stack = self.frame.rsp.abs_diff(self.address) < PAGE_BYTES;
        local::get().is_below_stack(self.address)
            || self.frame.vector == vectors::DOUBLE_FAULT && is_at_stack
    }
}

impl fmt::Display for FaultOrigin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        if self.is_overflow() {
            return write!(f, "stack overflow of cpu{}", local::number());
        }
        if let Some(name) = stacks::guard_at(address) {
            return write!(f, "stack overflow of {name}");
        }
        match self.frame.vector {
            vectors::PAGE_FAULT => {}
            vectors::GENERAL_PROTECTION => return f.write_str("not canonical, or a bad segment"),
            _ => return f.write_str("no address"),
        }
        if address < 4096 {
            return f.write_str("null page");
        }
        for (name, span) in [
            ("image text", image::text()),
            ("image rodata", image::rodata()),
            ("image data", image::data()),
        ] {
            if span.holds(address) {
                return f.write_str(name);
            }
        }
        window::attribute(address, f)
    }
}
