//! Counters of dropped packets, in all reports and in the docs.

use std::fs;

use app::net::Drop;

use super::reader::Reader;
use crate::harness::World;

#[test]
fn every_reason_has_a_row_in_all_reports() {
    let mut world = World::new();
    let mut client = world.connect();
    let mut reader = Reader::connect(&mut world);
    let metrics = reader.get(&mut world, "/metrics").text().to_owned();
    for reason in Drop::ALL.map(Drop::word) {
        world.counter(&mut client, &format!("dropped_{reason}"));
        let series = format!("vmalloc_net_dropped_total{{reason=\"{reason}\"}} ");
        assert!(metrics.lines().any(|line| line.starts_with(&series)), "{reason}");
    }
}

#[test]
fn the_docs_explain_every_reason() {
    let path = format!("{}/../docs/network.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("<!-- reasons: ").unwrap();
    let table = rest.split("\n\n").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), Drop::ALL.map(Drop::word));
}
