//! Computations about the machine that do not access the hardware themselves: the memory map, BARs, PCI capabilities,
//! clock rates and similar facts. These modules are therefore tested on the host.

pub mod bars;
pub mod call_site;
pub mod checksum;
pub mod device_tree;
#[cfg(test)]
mod fake_pci;
pub mod memory_map;
pub mod merged;
pub mod rate;
pub mod rtc;
pub mod span;
pub mod srat;
pub mod topology;
pub mod virtio_pci;
