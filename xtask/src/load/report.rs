//! Reports the results of a load: as text for people, and as JSON for programs.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};

use super::plan::LoadPlan;
use super::request::RequestKind;
use super::stats::{LoadStats, RequestStats};
use crate::numbers;

/// The quantiles that are reported, with their names in JSON.
const QUANTILES: [(&str, f64); 3] = [("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)];

/// The results of a run.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// The settings of the run.
    pub(super) plan: &'a LoadPlan,
    /// The time in which new requests were started.
    pub(super) worked: Duration,
    /// The counts of the clients.
    pub(super) stats: &'a LoadStats,
    /// The growth of the image's counters during the run.
    pub(super) growth: Vec<(&'static str, i64)>,
    /// The image's audit at the end, if it passed.
    pub(super) audit: Option<String>,
}

impl Report<'_> {
    /// Prints all results. The last line is the verdict.
    pub(super) fn print(&self) {
        println!("{}", self.table());
        let stats = self.stats;
        if !stats.errors().is_empty() {
            println!("errors: {}", joined(stats.errors().iter()));
        }
        println!("image: {}", joined(self.growth.iter().map(|(name, growth)| (name, growth))));
        if let Some(audit) = &self.audit {
            println!("VCHECK: {audit}");
        }
        if self.plan.verify {
            println!(
                "verified: {} bytes, {} places, {} intrusions refused",
                count(stats.bytes_checked),
                count(stats.ranges_checked),
                count(self.intrusions())
            );
        }
        for violation in stats.violations() {
            println!("VIOLATION {violation}");
        }
        let hidden = stats.violation_count() - stats.violations().len() as u64;
        if hidden > 0 {
            println!("… and {hidden} more");
        }
        println!(
            "{} requests in {:.1} s, {} per second, {} violations",
            count(stats.replies()),
            self.worked.as_secs_f64(),
            numbers::show(self.rate(stats.replies())),
            stats.violation_count()
        );
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let mut heads = vec!["request", "count", "errors", "per second"];
        heads.extend(["p50 us", "p99 us", "p99.9 us", "max us"]);
        table.set_header(heads);
        for (kind, figures) in self.stats.figures() {
            table.add_row(self.row(kind.name(), figures));
        }
        table.add_row(self.row("all", &self.stats.all()));
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn row(&self, name: &str, figures: &RequestStats) -> Vec<String> {
        let mut row = vec![name.to_owned(), count(figures.count), count(figures.errors)];
        row.push(numbers::show(self.rate(figures.count)));
        let at = |(_, quantile)| count(figures.latency.value_at_quantile(quantile));
        row.extend(QUANTILES.map(at));
        row.push(count(figures.latency.max()));
        row
    }

    /// Writes one JSON object to a file.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, self.to_json()).with_context(|| path.display().to_string())
    }

    fn to_json(&self) -> String {
        let (plan, stats) = (self.plan, self.stats);
        let mut rows: Vec<_> =
            stats.figures().map(|(kind, figures)| self.row_json(kind.name(), figures)).collect();
        rows.push(self.row_json("all", &stats.all()));
        format!(
            "{{\"profile\":\"{}\",\"clients\":{},\"pipeline\":{},\"seed\":{},\"verify\":{},\
             \"seconds\":{:.3},\"violations\":{},\"bytes_checked\":{},\"places_checked\":{},\n\
             \"errors\":{},\n\"image\":{},\n\"rows\":[\n{}\n]}}\n",
            plan.profile.name(),
            plan.clients,
            plan.pipeline,
            plan.seed,
            plan.verify,
            self.worked.as_secs_f64(),
            stats.violation_count(),
            stats.bytes_checked,
            stats.ranges_checked,
            object(stats.errors().iter()),
            object(self.growth.iter().map(|(name, growth)| (name, growth))),
            rows.join(",\n")
        )
    }

    fn row_json(&self, name: &str, figures: &RequestStats) -> String {
        let latency = &figures.latency;
        let times = QUANTILES
            .map(|(name, quantile)| format!(",\"{name}\":{}", latency.value_at_quantile(quantile)));
        format!(
            "{{\"name\":\"{name}\",\"count\":{},\"errors\":{},\"per_s\":{:.3}{},\"max_us\":{}}}",
            figures.count,
            figures.errors,
            self.rate(figures.count),
            times.concat(),
            latency.max()
        )
    }

    fn rate(&self, count: u64) -> f64 {
        rate(count, self.worked)
    }

    fn intrusions(&self) -> u64 {
        let mut all = self.stats.figures();
        all.find(|(kind, _)| *kind == RequestKind::Intrude).map_or(0, |(_, figures)| figures.errors)
    }
}

/// Returns a count per second.
pub(crate) fn rate(count: u64, time: Duration) -> f64 {
    float(count) / time.as_secs_f64().max(f64::EPSILON)
}

/// Formats a whole number with thousands in groups.
fn count(value: u64) -> String {
    if value < 1000 { value.to_string() } else { numbers::show(float(value)) }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

/// Joins names and numbers in one line.
pub(super) fn joined<K: std::fmt::Display, V: std::fmt::Display>(
    pairs: impl Iterator<Item = (K, V)>,
) -> String {
    pairs.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

fn object<K: std::fmt::Debug + AsRef<str>, V: std::fmt::Display>(
    pairs: impl Iterator<Item = (K, V)>,
) -> String {
    // The names are plain words, so Rust's quoted form is valid JSON.
    let pairs: Vec<_> = pairs.map(|(name, value)| format!("{:?}:{value}", name.as_ref())).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tests;

    #[test]
    fn programs_read_one_object() {
        let mut stats = LoadStats::new();
        stats.reply(RequestKind::Allocate, Duration::from_micros(7), None);
        stats.reply(RequestKind::Allocate, Duration::from_micros(7), Some("NOMEM need 4 pages"));
        let plan = tests::plan(crate::workload::Profile::AllocFree);
        let growth = vec![("purges", 2), ("frames_used", -1)];
        let worked = Duration::from_secs(2);
        let report = Report { plan: &plan, worked, stats: &stats, growth, audit: None };
        let json = report.to_json();
        let row = "\"count\":2,\"errors\":1,\"per_s\":1.000,\"p50_us\":7,\"p99_us\":7,\
                   \"p999_us\":7,\"max_us\":7}";
        for part in [
            "{\"profile\":\"alloc-free\",\"clients\":",
            "\"seconds\":2.000,\"violations\":0,",
            "\"errors\":{\"NOMEM\":1},\n\"image\":{\"purges\":2,\"frames_used\":-1},\n",
            &format!("\"rows\":[\n{{\"name\":\"VMALLOC\",{row},\n{{\"name\":\"all\",{row}\n]}}\n"),
        ] {
            assert!(json.contains(part), "{part} in {json}");
        }
    }

    #[test]
    fn the_table_has_a_row_for_each_kind_and_one_for_all() {
        let mut stats = LoadStats::new();
        stats.reply(RequestKind::Free, Duration::from_micros(1500), None);
        let plan = tests::plan(crate::workload::Profile::AllocFree);
        let worked = Duration::from_secs(1);
        let report = Report { plan: &plan, worked, stats: &stats, growth: vec![], audit: None };
        let table = report.table().to_string();
        assert_eq!(table.lines().count(), 4, "{table}");
        assert!(table.contains("| VFREE ") && table.contains(" 1,500 |"), "{table}");
    }
}
