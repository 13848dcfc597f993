//! The numbers of interrupt vectors. Vectors below 32 are exceptions of the processor.

/// The timer of the local APIC has run out. Ends a sleep.
pub(crate) const TIMER: u8 = 0x40;
/// The network device has received packets. Ends a sleep.
pub(crate) const NETWORK: u8 = 0x41;
/// IPI: another CPU requests a TLB flush.
pub(crate) const FLUSH: u8 = 0x42;
/// IPI: another CPU has submitted or finished work. Ends a sleep.
pub(crate) const WORK: u8 = 0x43;

/// Non-maskable interrupt.
pub(crate) const NMI: u64 = 2;
/// Double fault.
pub(crate) const DOUBLE_FAULT: u64 = 8;
/// General protection fault.
pub(crate) const GENERAL_PROTECTION: u64 = 13;
/// Page fault.
pub(crate) const PAGE_FAULT: u64 = 14;

/// Returns the mnemonic of a vector as in the processor manuals.
pub(crate) fn mnemonic(vector: u64) -> &'static str {
    match vector {
        0 => "#DE",
        1 => "#DB",
        NMI => "NMI",
        3 => "#BP",
        4 => "#OF",
        5 => "#BR",
        6 => "#UD",
        7 => "#NM",
        DOUBLE_FAULT => "#DF",
        10 => "#TS",
        11 => "#NP",
        12 => "#SS",
        GENERAL_PROTECTION => "#GP",
        PAGE_FAULT => "#PF",
        16 => "#MF",
        17 => "#AC",
        18 => "#MC",
        19 => "#XM",
        20 => "#VE",
        21 => "#CP",
        _ => "interrupt",
    }
}
