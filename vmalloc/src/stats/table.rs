//! The table of all counters, in the order in which reports list them.

use super::row::{Family, Row};
use super::snapshot::Stats;
use crate::machine::NODES;
use crate::request::Resized;
use crate::tlb::FlushReason;

const OPS: &Family = &Family::counter("vmalloc_ops_total", "Operations by kind and result.");
const AREAS: &Family = &Family::gauge("vmalloc_areas", "Areas of addresses by state.");
const PAGES: &Family = &Family::gauge("vmalloc_pages", "Pages of the window by state.");
const GAP: &Family =
    &Family::gauge("vmalloc_largest_gap_pages", "The longest run of pages that belong to nobody.");
const TABLES: &Family =
    &Family::gauge("vmalloc_pt_pages", "Frames of page tables and their indexes.");
const TABLES_CACHED: &Family = &Family::gauge("vmalloc_pt_pages_cached", "Empty page tables kept.");
const FAULTS: &Family = &Family::counter("vmalloc_faults_total", "Page faults that were survived.");
const FRAMES_MANAGED: &Family =
    &Family::gauge("vmalloc_frames_managed", "Frames that are handed out.");
const FRAMES: &Family = &Family::gauge("vmalloc_frames", "Frames by state and NUMA node.");
const FRAMES_HELD: &Family = &Family::gauge("vmalloc_frames_held", "Frames by what holds them.");
const FRAMES_ZEROED: &Family =
    &Family::gauge("vmalloc_frames_zeroed", "Free frames that read as zeros.");
const ZEROED: &Family = &Family::counter(
    "vmalloc_frames_zeroed_wanted_total",
    "Zeroed frames that were wanted, by result.",
);
const PURGES: &Family = &Family::counter("vmalloc_purges_total", "Releases of what was lazy.");
const SHOOTDOWNS: &Family = &Family::counter(
    "vmalloc_tlb_shootdowns_total",
    "Flushes that all CPUs took part in, by kind.",
);
const REASONS: &Family =
    &Family::counter("vmalloc_tlb_shootdowns_by_reason_total", "The same, by what they were for.");
const FLUSHES: &Family =
    &Family::counter("vmalloc_tlb_flushes_total", "Flushes of single CPUs by kind.");
const FLUSHED: &Family =
    &Family::counter("vmalloc_tlb_flushed_pages_total", "Pages flushed one by one.");
const IPIS: &Family = &Family::counter("vmalloc_tlb_ipis_total", "Interrupts sent for a flush.");
const SKIPPED: &Family =
    &Family::counter("vmalloc_tlb_cpus_skipped_total", "CPUs not waited for because they slept.");
const LAGGARDS: &Family =
    &Family::counter("vmalloc_tlb_laggards_total", "Times that a CPU did not answer in time.");
const LAST_LAGGARD: &Family =
    &Family::gauge("vmalloc_tlb_last_laggard_cpu", "The CPU that was late last; 0 if none was.");
const GENERATION: &Family =
    &Family::gauge("vmalloc_tlb_generation", "The flush that was begun last.");

/// The row names and the labels for [`Stats::frames_free_by_node`].
const NODE_ROWS: [(&str, &str); NODES] = [
    ("frames_free_node0", "0"),
    ("frames_free_node1", "1"),
    ("frames_free_node2", "2"),
    ("frames_free_node3", "3"),
];

impl Stats {
    /// Returns the rows of the table, in the order in which reports list them.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.operations().chain(self.areas()).chain(self.frames()).chain(self.flushes())
    }

    fn operations(&self) -> impl Iterator<Item = Row> {
        let row = |name, value, op, result| {
            Row::new("vmalloc", name, value, OPS).label("op", op).label("result", result)
        };
        let resizes = Resized::ALL
            .into_iter()
            .zip(self.resizes)
            .map(move |(how, value)| row(how.counter(), value, "resize", how.name()));
        [
            row("allocations", self.allocations, "allocate", "ok"),
            row("allocations_failed", self.allocations_failed, "allocate", "error"),
            row("frees", self.frees, "free", "ok"),
            row("frees_refused", self.frees_refused, "free", "error"),
        ]
        .into_iter()
        .chain(resizes)
    }

    fn areas(&self) -> impl Iterator<Item = Row> {
        let row = |name, value, family| Row::new("vmalloc", name, value, family);
        [
            row("areas", self.areas, AREAS).label("state", "busy"),
            row("areas_system", self.areas_system, AREAS).label("state", "system"),
            row("areas_lazy", self.areas_lazy, AREAS).label("state", "lazy"),
            row("pages_mapped", self.pages_mapped, PAGES).label("state", "mapped"),
            row("pages_free", self.pages_free, PAGES).label("state", "free"),
            row("pages_pooled", self.pages_pooled, PAGES).label("state", "pooled"),
            row("pages_lazy", self.pages_lazy, PAGES).label("state", "lazy"),
            row("largest_gap_pages", self.largest_gap_pages, GAP),
            row("table_pages", self.table_pages, TABLES),
            row("table_pages_cached", self.table_pages_cached, TABLES_CACHED),
            row("faults_recovered", self.faults_recovered, FAULTS).label("kind", "recovered"),
            row("faults_spurious", self.faults_spurious, FAULTS).label("kind", "spurious"),
        ]
        .into_iter()
    }

    fn frames(&self) -> impl Iterator<Item = Row> {
        let row = |name, value, family| Row::new("frames", name, value, family);
        let nodes =
            NODE_ROWS.into_iter().zip(self.frames_free_by_node).take(self.nodes as usize).map(
                move |((name, node), value)| {
                    row(name, value, FRAMES).label("state", "free").label("node", node)
                },
            );
        [
            row("frames_total", self.frames_total, FRAMES_MANAGED),
            Row::derived("frames", "frames_free", self.frames_free),
            Row::derived("frames", "frames_used", self.frames_used()),
        ]
        .into_iter()
        .chain(nodes)
        .chain([
            row("frames_reserve", self.frames_reserve, FRAMES_HELD).label("by", "reserve"),
            row("frames_slabs", self.frames_slabs, FRAMES_HELD).label("by", "slabs"),
            row("frames_heap", self.frames_heap, FRAMES_HELD).label("by", "heap"),
            row("frames_zeroed", self.frames_zeroed, FRAMES_ZEROED),
            row("zeroed_hits", self.zeroed_hits, ZEROED).label("result", "hit"),
            row("zeroed_misses", self.zeroed_misses, ZEROED).label("result", "miss"),
        ])
    }

    fn flushes(&self) -> impl Iterator<Item = Row> {
        let row = |name, value, family| Row::new("tlb", name, value, family);
        let reasons =
            FlushReason::ALL.into_iter().zip(self.shootdowns).map(move |(reason, value)| {
                let name = reason.name();
                let word = name.strip_prefix("shootdowns_").unwrap_or(name);
                row(name, value, REASONS).label("reason", word)
            });
        [
            row("purges", self.purges, PURGES),
            row("shootdowns_full", self.shootdowns_full, SHOOTDOWNS).label("kind", "full"),
            row("shootdowns_pages", self.shootdowns_pages, SHOOTDOWNS).label("kind", "pages"),
        ]
        .into_iter()
        .chain(reasons)
        .chain([
            row("flushes_full", self.flushes_full, FLUSHES).label("kind", "full"),
            row("flushes_by_page", self.flushes_by_page, FLUSHES).label("kind", "pages"),
            row("flushed_pages", self.flushed_pages, FLUSHED),
            row("interrupts", self.interrupts, IPIS),
            row("cpus_skipped", self.cpus_skipped, SKIPPED),
            row("laggards", self.laggards, LAGGARDS),
            row("last_laggard", self.last_laggard, LAST_LAGGARD),
            row("generation", self.generation, GENERATION),
        ])
    }
}
