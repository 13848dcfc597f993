//! The page docs/settings.md lists every key of the command line with its default.

use std::fs;

use runtime_config::cmdline::{Config, KEYS};

const BEGIN: &str = "<!-- settings:";

#[test]
fn the_docs_list_every_key_with_its_default() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
    let page = fs::read_to_string(path).unwrap();
    let (_, table) = page.split_once(BEGIN).expect("the page has a table of settings");
    let rows = table.lines().skip(3).take_while(|line| line.starts_with('|'));
    let listed: Vec<String> = rows
        .map(|row| {
            let mut cells = row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`'));
            format!("{}={}", cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
        })
        .collect();
    let wanted: Vec<String> =
        KEYS.iter().map(|key| format!("{}={}", key.name, key.value(&Config::DEFAULT))).collect();
    assert_eq!(listed, wanted);
}
