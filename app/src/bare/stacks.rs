//! The stacks on which the BSP handles #DF, NMI and #MC, and the guard pages of all stacks of the BSP.

use runtime_config::layout::IST_STACK_BYTES;
use x86_64::VirtAddr;

use crate::hardware::memory::stacks::{self, BOOT_STACK, GuardedStack};

#[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits on x86_64")]
const IST_BYTES: usize = IST_STACK_BYTES as usize;

static DOUBLE_FAULT_STACK: GuardedStack<IST_BYTES> = GuardedStack::new();
static NMI_STACK: GuardedStack<IST_BYTES> = GuardedStack::new();
static MACHINE_CHECK_STACK: GuardedStack<IST_BYTES> = GuardedStack::new();

/// Declares the guard pages of the BSP's stacks, with the names of the stacks.
pub(crate) fn declare() {
    stacks::declare([
        // The server loop runs on this stack.
        ("cpu0", BOOT_STACK.guard()),
        ("cpu0 #DF", DOUBLE_FAULT_STACK.guard()),
        ("cpu0 NMI", NMI_STACK.guard()),
        ("cpu0 #MC", MACHINE_CHECK_STACK.guard()),
    ]);
}

/// Returns the initial stack pointers of #DF, NMI and #MC.
pub(crate) fn tops() -> [VirtAddr; 3] {
    [&DOUBLE_FAULT_STACK, &NMI_STACK, &MACHINE_CHECK_STACK]
        .map(|stack| stack.bottom() + IST_STACK_BYTES)
}
