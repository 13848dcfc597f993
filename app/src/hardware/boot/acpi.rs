//! Reads the CPUs and the NUMA nodes from the ACPI tables of the firmware.

#![expect(unsafe_code, reason = "follows the physical addresses of the firmware's tables")]

use core::ptr::NonNull;
use core::slice;

use acpi::madt::{Madt, MadtEntry};
use acpi::sdt::{SdtHeader, Signature};
use acpi::{AcpiHandler, AcpiTable, AcpiTables, PhysicalMapping};
use raw_cpuid::CpuId;

use crate::hardware::boot::entry::MAPPED_BYTES;
use crate::platform::srat;
use crate::platform::topology::Topology;

/// Flag in the table entry of a CPU that is set if the CPU can be used.
const ENABLED: u32 = 1;

/// Finds the CPUs and the NUMA nodes. `rsdp` is the physical address of the root of the tables. Without usable tables,
/// the result contains only the BSP and one node.
///
/// # Context
///
/// While the page tables of the entry code are loaded, which map the first 4 GiB at their physical addresses.
pub(super) fn topology(rsdp: u64) -> Topology {
    let features = CpuId::new().get_feature_info();
    let boot = features.map_or(0, |features| features.initial_local_apic_id());
    let mut topology = Topology::new(boot.into());
    let start = usize::try_from(rsdp).unwrap_or(0);
    if start == 0 || rsdp >= MAPPED_BYTES {
        return topology;
    }
    // SAFETY: the loader passed this address, and the crate verifies the checksums.
    let tables = unsafe { AcpiTables::from_rsdp(EarlyMap, start) };
    let Ok(tables) = tables else { return topology };
    if let Ok(madt) = tables.find_table::<Madt>() {
        add_cpus(&mut topology, &madt);
    }
    if let Ok(srat) = tables.find_table::<Srat>() {
        let start = srat.virtual_start().as_ptr().cast::<u8>();
        // SAFETY: the whole table is mapped, and no code writes to it.
        let bytes = unsafe { slice::from_raw_parts(start, srat.region_length()) };
        srat::affinities(bytes).for_each(|affinity| topology.place(affinity));
    }
    topology
}

fn add_cpus(topology: &mut Topology, madt: &PhysicalMapping<EarlyMap, Madt>) {
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
}

/// The header of the SRAT, the table of the NUMA nodes. Its entries are parsed in `platform::srat`, because the `acpi`
/// crate reads the length of an entry as 16 bits, but it has 8.
#[repr(transparent)]
struct Srat(SdtHeader);

// SAFETY: the table begins with its header.
unsafe impl AcpiTable for Srat {
    const SIGNATURE: Signature = Signature::SRAT;

    fn header(&self) -> &SdtHeader {
        &self.0
    }
}

/// Gives the `acpi` crate access to physical addresses below 4 GiB, which the entry code maps at the same virtual
/// addresses.
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
