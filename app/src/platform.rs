//! What the image must know of its machine and can work out without touching it: the memory map,
//! BARs, PCI capabilities, rates of clocks. Pure, so the host tests it.

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
