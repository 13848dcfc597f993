//! Named regions as the string keys of Redis.

use crate::harness::{World, multibulk};
use crate::value::Value;

fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}

#[test]
fn keys_are_set_and_read() {
    let mut world = World::new();
    let mut client = world.connect();
    let status = |text: &str| Value::Status(text.into());
    for (line, expected) in [
        ("GET k", Value::Null),
        ("STRLEN k", Value::Integer(0)),
        ("TYPE k", status("none")),
        ("SET k hello", status("OK")),
        ("GET k", bulk("hello")),
        ("STRLEN k", Value::Integer(5)),
        ("TYPE k", status("string")),
        ("EXISTS k k other", Value::Integer(2)),
        ("GETRANGE k 1 3", bulk("ell")),
        ("GETRANGE k -3 -1", bulk("llo")),
        ("GETRANGE k -100 100", bulk("hello")),
        ("GETRANGE k 3 1", bulk("")),
        ("GETRANGE k 5 9", bulk("")),
        ("GETRANGE none 0 9", bulk("")),
        ("SET k there NX", Value::Null),
        ("SET none there XX", Value::Null),
        ("GET k", bulk("hello")),
        ("SET k there XX", status("OK")),
        ("SET new there NX", status("OK")),
        ("APPEND k !", Value::Integer(6)),
        ("GET k", bulk("there!")),
        ("SETRANGE k 8 x", Value::Integer(9)),
        ("GET k", bulk("there!\0\0x")),
        ("SETRANGE far 3 x", Value::Integer(4)),
        ("GET far", bulk("\0\0\0x")),
        ("APPEND more abc", Value::Integer(3)),
        ("DBSIZE", Value::Integer(4)),
        ("MEMORY USAGE k", Value::Integer(2 * 4104)),
        ("MEMORY USAGE none", Value::Null),
        ("DEL k none far", Value::Integer(2)),
        ("UNLINK new more", Value::Integer(2)),
        ("DBSIZE", Value::Integer(0)),
    ] {
        assert_eq!(world.ok(&mut client, line), expected, "{line}");
    }
    assert!(world.check(&mut client).starts_with("OK areas=0 "));
}

#[test]
fn invalid_requests_are_errors_without_effect() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "SET k hello");
    for (line, expected) in [
        ("SET k x NX XX", "ERR syntax error"),
        ("SET k x EX", "ERR syntax error"),
        ("SET k x EX 1 KEEPTTL", "ERR syntax error"),
        ("SET k x EX 0", "ERR invalid expire time in 'set' command"),
        ("GETRANGE k a 1", "ERR value is not an integer or out of range"),
        ("SETRANGE k -1 x", "ERR offset is out of range"),
        ("SCAN x", "ERR invalid cursor"),
        ("SCAN 0 COUNT 0", "ERR syntax error"),
        ("SCAN 0 MATCH", "ERR syntax error"),
        ("MEMORY DOCTOR x", "ERR unknown subcommand 'DOCTOR'. Try MEMORY HELP."),
        (
            "SETRANGE k 1099511627776 x",
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ),
    ] {
        let error = world.error(&mut client, line);
        assert!(error.starts_with(expected), "{line}: {error}");
    }
    let long = [b'k'; 513];
    let expected = Value::Error("ERR a key of 513 bytes exceeds 512".into());
    for command in [
        &[&b"SET"[..], &long, b"x"][..],
        &[b"APPEND", &long, b"x"],
        &[b"SETRANGE", &long, b"0", b"x"],
    ] {
        assert_eq!(world.request(&mut client, command), expected);
    }
    assert_eq!(world.ok(&mut client, "GET k"), bulk("hello"));
    assert!(world.check(&mut client).starts_with("OK areas=1 "));
}

#[test]
fn large_values_come_and_go() {
    let mut world = World::new();
    let (mut one, mut other) = (world.connect(), world.connect());
    let value: Vec<u8> = (0..700_001_u32).map(|number| (number % 251) as u8).collect();
    world.ok(&mut one, "SET k old");
    let request = multibulk(&[b"SET", b"k", &value]);
    let (front, back) = request.split_at(400_000);
    world.send(&mut one, front);
    world.settle();
    assert_eq!(world.ok(&mut other, "GET k"), bulk("old"), "the new value is not whole");
    world.send(&mut one, back);
    assert_eq!(world.reply(&mut one), Value::Status("OK".into()));
    assert_eq!(world.ok(&mut other, "GET k"), Value::Bulk(value.clone()));
    // A request that is never completed creates no key.
    world.send(&mut one, front);
    world.settle();
    world.reset(&one);
    world.settle();
    assert_eq!(world.ok(&mut other, "GET k"), Value::Bulk(value));
    assert!(world.check(&mut other).starts_with("OK areas=1 "));
    world.ok(&mut other, "SETRANGE k 2097151 x");
    assert_eq!(world.ok(&mut other, "GET k").bytes().len(), 2_097_152);
    assert_eq!(world.ok(&mut other, "GETRANGE k 2097150 -1"), bulk("\0x"));
    assert_eq!(world.ok(&mut other, "GETRANGE k 700001 700002"), bulk("\0\0"));
    world.send(&mut other, &multibulk(&[b"SET", &[b'k'; 513], &[b'x'; 100_000]]));
    let expected = Value::Error("ERR a key of 513 bytes exceeds 512".into());
    assert_eq!(world.reply(&mut other), expected);
}

#[test]
fn a_growth_that_cannot_be_had_is_answered_once() {
    for helpers in [0, 1] {
        let mut world = match helpers {
            0 => World::with("", 4_000),
            _ => World::with_helpers("", 4_000, 1, 5),
        };
        let mut client = world.connect();
        world.ok(&mut client, "SET k hello");
        world.ok(&mut client, "VMALLOC 8M");
        world.send(&mut client, &multibulk(&[b"SETRANGE", b"k", b"10000000", b"x"]));
        let reply = world.reply(&mut client);
        assert!(matches!(&reply, Value::Error(text) if text.starts_with("OOM ")), "{reply:?}");
        assert_eq!(world.ok(&mut client, "GET k"), bulk("hello"));
        world.ok(&mut client, "SETRANGE k 3000000 x");
        assert_eq!(world.ok(&mut client, "STRLEN k").integer(), 3_000_001);
        world.check(&mut client);
    }
}

#[test]
fn a_scan_finds_every_key_once() {
    let mut world = World::new();
    let mut client = world.connect();
    for number in 0..300 {
        world.ok(&mut client, &format!("SET k:{number} x"));
    }
    for number in (0..300).step_by(3) {
        world.ok(&mut client, &format!("DEL k:{number}"));
    }
    let mut found = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let page = world.ok(&mut client, &format!("SCAN {cursor} COUNT 7 MATCH k:*"));
        found.extend(page.items()[1].items().iter().map(Value::text));
        cursor = page.items()[0].text();
        if cursor == "0" {
            break;
        }
    }
    let count = found.len();
    found.sort();
    found.dedup();
    assert_eq!((count, found.len()), (200, 200));
    let none = world.ok(&mut client, "SCAN 0 COUNT 1000 TYPE hash");
    assert_eq!(none.items()[1], Value::Array(Vec::new()));
    for cursor in ["4294967295", "18446744073709551615", "-1"] {
        let page = world.ok(&mut client, &format!("SCAN {cursor}"));
        assert_eq!(page, Value::Array(vec![bulk("0"), Value::Array(Vec::new())]), "{cursor}");
    }
    let first = world.request(&mut client, &[b"SCAN", b""]);
    assert_eq!(first, world.ok(&mut client, "SCAN 0"), "no cursor is the first one");
}

/// After a peak most slots of the table are empty. A page continues until it has found a key.
#[test]
fn a_scan_of_a_nearly_empty_table_takes_few_pages() {
    let mut world = World::with("names=16384", 20_000);
    let mut client = world.connect();
    let mut peak = Vec::new();
    for number in 0..16_384 {
        peak.extend(format!("SET k:{number} x\r\n").into_bytes());
    }
    world.send(&mut client, &peak);
    (0..16_384).for_each(|_| drop(world.reply(&mut client)));
    for first in (0..16_383).step_by(500) {
        let keys: Vec<String> =
            (first..(first + 500).min(16_383)).map(|number| format!("k:{number}")).collect();
        world.ok(&mut client, &format!("DEL {}", keys.join(" ")));
    }
    for count in ["1", "10", "9223372036854775807"] {
        let (mut found, mut pages, mut cursor) = (Vec::new(), 0, "0".to_owned());
        while pages == 0 || cursor != "0" {
            let page = world.ok(&mut client, &format!("SCAN {cursor} COUNT {count}"));
            found.extend(page.items()[1].items().iter().map(Value::text));
            cursor = page.items()[0].text();
            pages += 1;
        }
        assert_eq!(found, ["k:16383"], "COUNT {count}");
        assert!(pages <= 3, "{pages} pages for one key, COUNT {count}");
    }
    // Names are returned in pages that fit, for any number of names.
    for number in 0..10_000 {
        peak.clear();
        peak.extend(format!("SET again:{number} x\r\n").into_bytes());
        world.send(&mut client, &peak);
    }
    (0..10_000).for_each(|_| drop(world.reply(&mut client)));
    let (mut found, mut cursor) = (0, "0".to_owned());
    loop {
        let page = world.ok(&mut client, &format!("SCAN {cursor} COUNT 1000000"));
        found += page.items()[1].items().len();
        cursor = page.items()[0].text();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found, 10_001);
}
