//! The table of all workloads.

mod change;
mod crowd;
mod map;
mod pairs;

use vmalloc::Access;

use super::cpu_run::CpuRun;

/// A workload. Its name and bit are those of Linux's test module. Workloads that Linux does not have use higher bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The bit that selects the workload.
    pub mask: u32,
    /// The name.
    pub name: &'static str,
    kind: WorkloadKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkloadKind {
    FixSize,
    FullFit,
    LongBusyList,
    RandomSize,
    FixAlign,
    RandomSizeAlign,
    AlignShift,
    MapRam,
    Resize,
    Pair,
    ZeroedPair,
    Growth,
    Clear,
}

/// All workloads. The last four do not exist in Linux. Workloads of Linux that test its per-CPU allocator, RCU or
/// allocation flags are left out.
pub const WORKLOADS: [Workload; 13] = [
    Workload { mask: 1, name: "fix_size_alloc_test", kind: WorkloadKind::FixSize },
    Workload { mask: 2, name: "full_fit_alloc_test", kind: WorkloadKind::FullFit },
    Workload { mask: 4, name: "long_busy_list_alloc_test", kind: WorkloadKind::LongBusyList },
    Workload { mask: 8, name: "random_size_alloc_test", kind: WorkloadKind::RandomSize },
    Workload { mask: 16, name: "fix_align_alloc_test", kind: WorkloadKind::FixAlign },
    Workload {
        mask: 32,
        name: "random_size_align_alloc_test",
        kind: WorkloadKind::RandomSizeAlign,
    },
    Workload { mask: 64, name: "align_shift_alloc_test", kind: WorkloadKind::AlignShift },
    Workload { mask: 1024, name: "vm_map_ram_test", kind: WorkloadKind::MapRam },
    Workload { mask: 4096, name: "vrealloc_test", kind: WorkloadKind::Resize },
    Workload { mask: 1 << 16, name: "pair_test", kind: WorkloadKind::Pair },
    Workload { mask: 1 << 17, name: "zeroed_pair_test", kind: WorkloadKind::ZeroedPair },
    Workload { mask: 1 << 18, name: "growth_test", kind: WorkloadKind::Growth },
    Workload { mask: 1 << 19, name: "clear_test", kind: WorkloadKind::Clear },
];

impl Workload {
    /// Runs the workload on this CPU and stores the result in `run`.
    pub(super) fn run<M: Access>(self, run: &mut CpuRun<M>) {
        let result = match self.kind {
            WorkloadKind::FixSize => {
                let pages = run.plan.pages;
                run.measure(|run| run.written_pair(pages))
            }
            WorkloadKind::FullFit => run.full_fit(),
            WorkloadKind::LongBusyList => run.long_busy_list(),
            WorkloadKind::RandomSize => run.measure(CpuRun::random_pair),
            WorkloadKind::FixAlign => run.measure(|run| run.aligned_pair(5, pairs::STACK_ALIGN)),
            WorkloadKind::RandomSizeAlign => run.measure(CpuRun::random_aligned_pair),
            WorkloadKind::AlignShift => run.align_shift(),
            WorkloadKind::MapRam => run.map_ram(),
            WorkloadKind::Resize => run.measure(|run| run.resize()),
            WorkloadKind::Pair => run.measure(|run| run.pair()),
            WorkloadKind::ZeroedPair => run.measure(|run| run.zeroed_pair()),
            WorkloadKind::Growth => run.measure(|run| run.growth()),
            WorkloadKind::Clear => run.clear(),
        };
        run.result.failed = result.is_err();
    }
}
