//! The content of the reports, and their agreement with the commands.

use std::collections::{BTreeMap, HashMap, HashSet};

use app::service::Shown;
use serde_json::Value as Json;

use super::reader::Reader;
use crate::any_bytes;
use crate::harness::{Client, World};

/// A region name that contains an HTML element; reports must escape it.
const TAG: &str = "<img/src=x>";
/// A region name with ASCII punctuation, which reports must quote.
const ALL: &str = "~!#$%&'()*+,-./:;<=>?[]^_`{|}";

/// Returns all regions, from pages with a number of rows.
fn regions(world: &mut World, reader: &mut Reader, count: usize) -> Vec<Json> {
    let mut regions = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let path = format!("/api/regions.json?cursor={cursor}&count={count}");
        let page = reader.get(world, &path).json();
        let rows = page["regions"].as_array().unwrap();
        assert!(rows.len() <= count, "{} rows of {count}", rows.len());
        regions.extend(rows.iter().cloned());
        match &page["cursor"] {
            Json::Null => return regions,
            next => cursor = next.as_str().unwrap().to_owned(),
        }
    }
}

/// Returns the value of a series.
fn series(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn stats(world: &mut World, client: &mut Client) -> Vec<(String, u64)> {
    let reply = world.ok(client, "VSTATS");
    let items = reply.items();
    items.chunks(2).map(|pair| (pair[0].text(), pair[1].integer())).collect()
}

#[test]
fn three_thousand_regions_are_the_same_text() {
    let mut world = World::with("", 20_000);
    let mut client = world.connect();
    for number in 0..3000 {
        world.ok(&mut client, &format!("VMALLOC 1 NAME a-rather-long-name-for-a-region-{number}"));
    }
    let text = world.ok(&mut client, "VMALLOCINFO").text();
    let mut reader = Reader::connect(&mut world);
    let answer = reader.get(&mut world, "/vmallocinfo");
    assert_eq!(answer.field("transfer-encoding"), Some("chunked"));
    assert!(answer.text() == text, "{} and {} bytes", answer.text().len(), text.len());
    reader.send(&mut world, "GET /vmallocinfo HTTP/1.0\r\n\r\n");
    assert!(reader.answer_to_end(&mut world).text() == text);

    let mut reader = Reader::connect(&mut world);
    let rows = regions(&mut world, &mut reader, 700);
    let ids: HashSet<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!((rows.len(), ids.len()), (3000, 3000));
    assert_eq!(world.counter(&mut client, "replies_spilled"), 1, "reports take no memory");
}

#[test]
fn rows_agree_with_vinfo() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 10000 PROT ro NAME a");
    world.ok(&mut client, "VMALLOC 1");
    world.ok(&mut client, "VMALLOC 100K NAME gone");
    let mut reader = Reader::connect(&mut world);
    // In one turn, because freed regions are purged after it.
    world.push(&client, b"VFREE @gone\r\n");
    let page = reader.get(&mut world, "/api/regions.json").json();
    let rows = page["regions"].as_array().unwrap();
    assert_eq!((rows.len(), &page["cursor"]), (3, &Json::Null));
    let expected = serde_json::json!({
        "id": 1, "name": "a", "owner": 0, "system": false, "start": "0xffffc90000000000",
        "end": "0xffffc90000003000", "guard": 4096, "requested": 10_000, "pages": 3,
        "protection": "ro", "state": "busy", "nodes": [3],
    });
    assert_eq!(rows[0], expected);
    assert_eq!((&rows[1]["name"], &rows[1]["owner"]), (&"client/1".into(), &1.into()));
    assert_eq!((&rows[2]["state"], &rows[2]["pages"]), (&"lazy".into(), &25.into()));
}

#[test]
fn one_table_feeds_all_reports() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 10000 NAME a");
    world.error(&mut client, "VMALLOC 1T");
    world.ok(&mut client, "VPROBE 0xffffc90000003000 w");
    let mut reader = Reader::connect(&mut world);
    reader.get(&mut world, "/healthz");
    let json = reader.get(&mut world, "/api/stats.json").json();
    let metrics = reader.get(&mut world, "/metrics").text().to_owned();
    let rows = stats(&mut world, &mut client);
    assert_eq!(rows.iter().map(|row| &row.0).collect::<HashSet<_>>().len(), rows.len());
    // Counters that the reports and the last command have changed.
    let moving = ["turns", "commands", "bytes_sent", "bytes_received", "uptime_seconds"];
    let mut named = HashMap::new();
    for (_, section) in json["counters"].as_object().unwrap() {
        for (name, value) in section.as_object().unwrap() {
            named.insert(name.clone(), value.as_u64().unwrap());
        }
    }
    assert_eq!(named.len(), rows.len(), "as many counters as VSTATS has");
    for (name, value) in &rows {
        let is_moving = moving.contains(&name.as_str()) || name.starts_with("http_");
        assert!(is_moving || named[name] == *value, "{name}: {} and {value}", named[name]);
    }
    for (name, counter) in [
        ("vmalloc_areas{state=\"busy\"}", "areas"),
        ("vmalloc_ops_total{op=\"allocate\",result=\"ok\"}", "allocations"),
        ("vmalloc_ops_total{op=\"allocate\",result=\"error\"}", "allocations_failed"),
        ("vmalloc_frames{state=\"free\",node=\"0\"}", "frames_free"),
        ("vmalloc_pt_pages", "table_pages"),
        ("vmalloc_guard_hits_total{kind=\"guard\"}", "probes_guard"),
        ("vmalloc_tcp_sockets{service=\"resp\",state=\"open\"}", "resp_sockets_open"),
        ("vmalloc_tcp_sockets{service=\"http\",state=\"open\"}", "http_sockets_open"),
    ] {
        assert_eq!(series(&metrics, name), named[counter], "{name}");
    }
    assert_eq!(named["probes_guard"], 1);
    assert_eq!((named["http_sockets_open"], named["resp_sockets_open"]), (1, 1));
    assert!(world.ok(&mut client, "INFO http").text().contains("# Http\r\nhttp_requests:3\r\n"));
}

#[test]
fn metrics_are_grouped_and_described() {
    let mut world = World::new().with_clock(|| 7);
    let mut client = world.connect();
    for _ in 0..40 {
        world.ok(&mut client, "PING");
    }
    let mut reader = Reader::connect(&mut world);
    let answer = reader.get(&mut world, "/metrics");
    let kind = answer.field("content-type").unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let mut families = HashSet::new();
    let mut kinds = ("", "");
    for line in answer.text().lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(families.insert(name), "{name} comes twice");
            assert!(text.ends_with('.'), "{line}");
            kinds = (name, "");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!((name, ""), kinds, "TYPE follows HELP");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            kinds = (name, kind);
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let front = name.split('{').next().unwrap();
            assert!(front.starts_with(kinds.0), "{line} in the family {}", kinds.0);
            assert!(kinds.1 == "histogram" || front == kinds.0, "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert_eq!(
        series(answer.text(), "vmalloc_resp_commands_total{cmd=\"PING\",result=\"ok\"}"),
        40
    );
    assert_eq!(series(answer.text(), "vmalloc_op_seconds_count{op=\"PING\"}"), 3, "one in 16");
}

/// Returns the families by name, with their type and their help text.
fn families(text: &str) -> BTreeMap<&str, (&str, &str)> {
    let mut families = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|it| it.split_once(' ')) {
            families.insert(name, ("", help));
        } else if let Some(line) = line.strip_prefix("# TYPE ") {
            let (name, kind) = line.split_once(' ').unwrap();
            families.get_mut(name).unwrap().0 = kind;
        }
    }
    families
}

#[test]
fn families_have_one_prefix_and_deprecated_names_name_their_replacement() {
    let mut world = World::new().with_clock(|| 7);
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 10000 NAME a");
    let mut reader = Reader::connect(&mut world);
    let text = reader.get(&mut world, "/metrics").text().to_owned();
    let families = families(&text);
    let is_old =
        |name: &&str| !(name.starts_with("vmalloc_") || *name == "process_start_time_seconds");
    let (old, new): (Vec<&str>, Vec<&str>) = families.keys().copied().partition(is_old);
    assert_eq!(old.len(), 42, "the families that the release before had under another name");
    assert!(new.len() > old.len(), "{} names, {} old ones", new.len(), old.len());
    for name in old {
        let (kind, help) = families[name];
        let (new_kind, new_help) = families[format!("vmalloc_{name}").as_str()];
        assert_eq!(help, format!("Deprecated, use vmalloc_{name}. {new_help}"));
        assert_eq!(kind, new_kind, "{name}");
        // Both families have the same series and values.
        let rows = |name: &str| -> Vec<String> {
            let rows = text.lines().filter_map(|line| line.strip_prefix(name));
            rows.filter(|rest| rest.starts_with(['{', ' '])).map(str::to_owned).collect()
        };
        assert!(!rows(name).is_empty(), "{name} has no series");
        assert_eq!(rows(name), rows(&format!("vmalloc_{name}")), "{name}");
    }
}

#[test]
fn the_start_time_is_there_where_a_clock_says_so() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    let text = reader.get(&mut world, "/metrics").text().to_owned();
    assert!(!text.contains("process_start_time_seconds"), "a time without a clock");
    let mut world = World::new().booted_at(1_700_000_000);
    let mut reader = Reader::connect(&mut world);
    let text = reader.get(&mut world, "/metrics").text().to_owned();
    assert_eq!(series(&text, "process_start_time_seconds"), 1_700_000_000);
    assert_eq!(families(&text)["process_start_time_seconds"].0, "gauge");
    assert_eq!(reader.get(&mut world, "/api/stats.json").status, 200);
    let mut client = world.connect();
    assert_eq!(world.counter(&mut client, "start_time_seconds"), 1_700_000_000);
}

#[test]
fn commands_are_counted_by_result() {
    let mut world = World::with("", 20_000);
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 40M NAME a");
    world.error(&mut client, "VMALLOC 1T");
    world.error(&mut client, "VMALLOC");
    world.error(&mut client, "NOSUCH");
    world.ok(&mut client, "VFREE @a");
    let data = vec![b'x'; 100_000];
    world.ok(&mut client, "VMALLOC 100K NAME b");
    world.request(&mut client, &[b"VWRITE", b"@b", b"0", &data]);
    world.request(&mut client, &[b"VWRITE", b"@none", b"0", &data]);
    world.request(&mut client, &[b"VREAD", b"@b", b"0", b"100000"]);
    let mut reader = Reader::connect(&mut world);
    let metrics = reader.get(&mut world, "/metrics").text().to_owned();
    for (command, ok, error) in
        [("VMALLOC", 2, 2), ("VFREE", 1, 0), ("VWRITE", 1, 1), ("VREAD", 1, 0), ("unknown", 0, 1)]
    {
        for (result, value) in [("ok", ok), ("error", error)] {
            let name =
                format!("vmalloc_resp_commands_total{{cmd=\"{command}\",result=\"{result}\"}}");
            assert_eq!(series(&metrics, &name), value, "{name}");
        }
    }
}

#[test]
fn text_of_clients_is_escaped() {
    let mut world = World::new();
    let mut client = world.connect();
    for name in [TAG, ALL, "</script>", "&lt;"] {
        world.ok(&mut client, &format!("VMALLOC 1 NAME {name}"));
    }
    let mut reader = Reader::connect(&mut world);
    let answer = reader.get(&mut world, "/api/regions.json");
    assert!(!answer.text().contains(['<', '>', '&']), "{}", answer.text());
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    let json = answer.json();
    let rows = json["regions"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, [TAG, ALL, "</script>", "&lt;"]);
    for path in ["/", "/metrics", "/api/stats.json"] {
        assert!(!reader.get(&mut world, path).text().contains("img"), "{path} has a name");
    }
}

#[test]
fn a_browser_gets_the_page_and_others_get_text() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    let text = reader.get(&mut world, "/").text().to_owned();
    assert!(text.starts_with("vmalloc 0."), "{text}");
    assert!(text.contains(" busy, ") && text.contains("/metrics"), "{text}");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n";
    let page = reader.ask(&mut world, request);
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    // The content security policy of the page blocks both.
    let page = page.text();
    for word in ["<style", "style=", " onclick", " onload", "javascript:", "http://", "https://"] {
        assert!(!page.contains(word), "{word}");
    }
    for path in ["/page.css", "/page.js"] {
        assert!(page.contains(&format!("\"{path}\"")), "{path}");
        assert_eq!(reader.get(&mut world, path).status, 200);
    }
    let script = reader.get(&mut world, "/page.js").text().to_owned();
    assert!(script.starts_with("\"use strict\";\n"), "the rest would run as sloppy code");
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.contains(word), "{word}");
    }
}

#[test]
fn an_audit_elsewhere_lets_reports_through() {
    let mut world = World::with_helpers("", 4096, 1, 200);
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 1 NAME a");
    let mut reader = Reader::connect(&mut world);
    world.send(&mut client, b"VCHECK\r\n");
    world.wait("offloaded work", |world| world.is_away());
    for path in ["/metrics", "/vmallocinfo", "/api/stats.json", "/api/regions.json"] {
        assert_eq!(reader.get(&mut world, path).status, 200, "{path}");
    }
    assert!(world.is_away(), "the audit took too little time to prove anything");
    assert!(world.reply(&mut client).text().starts_with("OK "));
}

#[test]
fn a_call_that_fails_after_some_turns_is_counted_as_failed() {
    let mut world = World::with("", 20_000);
    let mut slow = world.connect();
    let mut quick = world.connect();
    world.send(&mut slow, b"VMALLOC 40M NAME x\r\n");
    world.step();
    world.step();
    world.ok(&mut quick, "VMALLOC 1 NAME x");
    assert!(matches!(world.reply(&mut slow), crate::value::Value::Error(_)));
    let mut reader = Reader::connect(&mut world);
    let metrics = reader.get(&mut world, "/metrics").text().to_owned();
    assert_eq!(series(&metrics, "vmalloc_resp_commands_total{cmd=\"VMALLOC\",result=\"ok\"}"), 1);
    assert_eq!(
        series(&metrics, "vmalloc_resp_commands_total{cmd=\"VMALLOC\",result=\"error\"}"),
        1
    );
}

/// JSON is UTF-8, but names may be any bytes. Every name is written in its printable form, and no name ends a string.
#[test]
fn names_of_any_bytes_pass_through_json_and_text() {
    let mut world = World::with("names=200", 4096);
    let mut client = world.connect();
    let keys = any_bytes::keys();
    for key in &keys {
        world.request(&mut client, &[b"SET", key, b"x"]);
    }
    world.request(&mut client, &[b"SET", b"empty", b""]);
    let mut reader = Reader::connect(&mut world);
    let rows = regions(&mut world, &mut reader, 1000);
    let text = reader.get(&mut world, "/vmallocinfo").text().to_owned();
    for key in &keys {
        let shown = Shown::of(key).to_string();
        let row = rows.iter().find(|row| row["name"] == shown.as_str());
        assert_eq!(row.unwrap_or_else(|| panic!("no {shown}"))["requested"], 1);
        assert!(text.contains(&format!(" {shown} pages=1 ")), "{shown}");
    }
    let empty = rows.iter().find(|row| row["name"] == "empty").unwrap();
    assert_eq!((&empty["requested"], &empty["pages"]), (&0.into(), &1.into()));
}
