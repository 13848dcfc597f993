//! Interrupt vectors of our own, above the 32 of the processor.

/// One-shot timer of the local APIC: ends a sleep.
pub(crate) const TIMER: u8 = 0x40;
/// Received packets: ends a sleep.
pub(crate) const NETWORK: u8 = 0x41;
/// Another CPU wants this one to flush.
pub(crate) const FLUSH: u8 = 0x42;
/// Another CPU has left work: ends a sleep.
pub(crate) const WORK: u8 = 0x43;

/// NMI.
pub(crate) const NMI: u64 = 2;
/// #DF.
pub(crate) const DOUBLE_FAULT: u64 = 8;
/// #GP.
pub(crate) const GENERAL_PROTECTION: u64 = 13;
/// #PF.
pub(crate) const PAGE_FAULT: u64 = 14;

/// The manual's mnemonic of a processor vector.
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
