//! Page faults that an access survives, and the report of a trap that nobody recovers from.

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

/// The CPU that stops the image; one more than any where none does.
static STOPPING: AtomicU32 = AtomicU32::new(u32::MAX);

/// Whether a page fault is over: another CPU has allowed meanwhile what this one remembers as refused.
///
/// # Context
///
/// The handler of page faults, with interrupts off: takes no lock.
pub(crate) fn is_over(frame: &TrapFrame, address: u64) -> bool {
    machine::window().is_some_and(|vm| retries::is_over(vm, &local::get().retries, frame, address))
}

/// Lets the access go on with an error, if it can; counted.
///
/// # Context
///
/// As [`is_over`]; `address` is that of a page fault.
pub(crate) fn is_recovered(frame: &mut TrapFrame, address: Option<u64>) -> bool {
    let is_recovered = fixups::recover(frame, address);
    if is_recovered && let Some(vm) = machine::window() {
        vm.note_recovered();
    }
    is_recovered
}

/// Prints the trap with whose address it was, and how the CPU came there. Of several CPUs only the first returns.
///
/// # Context
///
/// Any trap. Takes no lock and allocates nothing.
pub(crate) fn report(frame: &TrapFrame, address: u64) {
    let me = local::number();
    let first = STOPPING.compare_exchange(u32::MAX, me, Ordering::Relaxed, Ordering::Relaxed).err();
    // A line that another CPU writes is not to be cut off.
    while first.is_some_and(|first| first != me) {
        interrupts::disable();
        hlt();
    }
    // A fault of this CPU while its line is written adds nothing.
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

/// Names the owner of an address.
struct FaultOrigin<'a> {
    frame: &'a TrapFrame,
    /// What CR2 said.
    address: u64,
}

impl FaultOrigin<'_> {
    /// Whether the stack could not be written where it ends: no page is mapped there.
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
