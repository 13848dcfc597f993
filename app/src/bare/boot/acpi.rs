//! The firmware's tables: which CPUs there are.

#![expect(unsafe_code, reason = "follows the physical addresses of the firmware's tables")]

use core::ptr::NonNull;

use acpi::madt::{Madt, MadtEntry};
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};
use raw_cpuid::CpuId;

use crate::bare::boot::info::MAPPED_BYTES;
use crate::platform::topology::Topology;

/// In the flags of a CPU's entry: it can be used.
const ENABLED: u32 = 1;

/// Finds the CPUs. Without tables there is the one that boots.
///
/// # Context
///
/// On the tables of the entry code, which map the first 4 GiB.
pub(super) fn topology(rsdp: u64) -> Topology {
    let features = CpuId::new().get_feature_info();
    let boot = features.map_or(0, |features| features.initial_local_apic_id());
    let mut topology = Topology::new(boot.into());
    let start = usize::try_from(rsdp).unwrap_or(0);
    if start == 0 || rsdp >= MAPPED_BYTES {
        return topology;
    }
    // SAFETY: the loader says that the tables begin here, and the crate checks their sums.
    let tables = unsafe { AcpiTables::from_rsdp(EarlyMap, start) };
    let Ok(madt) = tables.and_then(|tables| tables.find_table::<Madt>()) else { return topology };
    for entry in madt.get().entries() {
        let (identifier, flags) = match entry {
            MadtEntry::LocalApic(entry) => (entry.apic_id.into(), entry.flags),
            MadtEntry::LocalX2Apic(entry) => (entry.x2apic_id, entry.flags),
            _ => continue,
        };
        if flags & ENABLED != 0 {
            topology.add(identifier);
        }
    }
    topology
}

/// The first 4 GiB at their own addresses.
#[derive(Clone, Copy, Debug)]
struct EarlyMap;

impl AcpiHandler for EarlyMap {
    unsafe fn map_physical_region<T>(
        &self,
        start: usize,
        bytes: usize,
    ) -> PhysicalMapping<Self, T> {
        let end = (start as u64).saturating_add(bytes as u64);
        assert!(end <= MAPPED_BYTES, "an ACPI table at {start:#x} is above 4 GiB");
        let pointer = NonNull::new(core::ptr::with_exposed_provenance_mut(start));
        let pointer = pointer.expect("no ACPI table is at 0");
        // SAFETY: the entry code maps the bytes at their own address.
        unsafe { PhysicalMapping::new(start, pointer, bytes, bytes, *self) }
    }

    fn unmap_physical_region<T>(_region: &PhysicalMapping<Self, T>) {}
}
