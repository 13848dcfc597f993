//! The workloads of `bench linux`. The image's `VBENCH` and the kernel module for Linux use the same names.

/// A workload with the size of its regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Workload {
    /// The name of the workload, which is the same on both systems.
    pub(super) name: &'static str,
    /// Number of pages of a region, or 1 if the workload itself chooses the size.
    pub(super) pages: u64,
    /// The title of the workload in the table.
    pub(super) title: &'static str,
}

const fn workload(name: &'static str, pages: u64, title: &'static str) -> Workload {
    Workload { name, pages, title }
}

/// All workloads that both systems have, in the order of the table.
pub(super) const BOTH: [Workload; 16] = [
    workload("pair_test", 1, "vmalloc + vfree, 1 page"),
    workload("pair_test", 4, "vmalloc + vfree, 4 pages"),
    workload("pair_test", 16, "vmalloc + vfree, 16 pages"),
    workload("pair_test", 64, "vmalloc + vfree, 64 pages"),
    workload("pair_test", 256, "vmalloc + vfree, 256 pages"),
    workload("pair_test", 4096, "vmalloc + vfree, 4096 pages"),
    workload("zeroed_pair_test", 1, "vzalloc + vfree, 1 page"),
    workload("zeroed_pair_test", 4, "vzalloc + vfree, 4 pages"),
    workload("zeroed_pair_test", 16, "vzalloc + vfree, 16 pages"),
    workload("zeroed_pair_test", 64, "vzalloc + vfree, 64 pages"),
    workload("zeroed_pair_test", 256, "vzalloc + vfree, 256 pages"),
    workload("zeroed_pair_test", 4096, "vzalloc + vfree, 4096 pages"),
    workload("long_busy_list_alloc_test", 1, "100 pages and 1 page beside 15,000 areas"),
    workload("random_size_alloc_test", 1, "1 to 100 pages at random"),
    workload("vm_map_ram_test", 1, "a page mapped a second time"),
    workload("growth_test", 1, "growth from 4 KiB to 16 MiB by doubling"),
];

/// A workload that only the image has. It measures clearing without an allocation.
pub(super) const CLEAR: Workload = workload("clear_test", 256, "clearing 256 pages");
/// The workload that includes the clearing of [`CLEAR`].
pub(super) const ZEROED: Workload = BOTH[10];
/// The workload with which one CPU is compared with several.
pub(super) const SCALING: Workload = BOTH[1];
