//! Commands that read or free many string keys, or the value that they answer with.

use crate::harness::{World, multibulk};
use crate::value::Value;

fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}

/// Replies and errors of Redis 7.0.15.
#[test]
fn values_are_read_together_and_taken_out() {
    let mut world = World::new();
    let mut client = world.connect();
    let ok = || Value::Status("OK".into());
    for (line, expected) in [
        ("SET a 1", ok()),
        ("SET b two", ok()),
        ("MGET a none b a", Value::Array(vec![bulk("1"), Value::Null, bulk("two"), bulk("1")])),
        ("GETDEL a", bulk("1")),
        ("GETDEL a", Value::Null),
        ("EXISTS a", Value::Integer(0)),
        ("MGET a", Value::Array(vec![Value::Null])),
        ("FLUSHDB async", ok()),
        ("EXISTS b", Value::Integer(0)),
        ("FLUSHALL SYNC", ok()),
        ("FLUSHDB", ok()),
        ("DBSIZE", Value::Integer(0)),
    ] {
        assert_eq!(world.ok(&mut client, line), expected, "{line}");
    }
    world.ok(&mut client, "SET k v");
    for (line, expected) in [
        ("GETDEL", "ERR wrong number of arguments for 'getdel' command"),
        ("MGET", "ERR wrong number of arguments for 'mget' command"),
        ("FLUSHDB x", "ERR syntax error"),
        ("FLUSHDB ASYNC SYNC", "ERR syntax error"),
        ("FLUSHALL FOO", "ERR syntax error"),
    ] {
        assert_eq!(world.error(&mut client, line), expected, "{line}");
    }
    assert_eq!(world.ok(&mut client, "GET k"), bulk("v"));
    assert!(world.check(&mut client).starts_with("OK areas=1 "));
}

#[test]
fn each_key_counts_as_a_hit_or_a_miss() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "SET a 1");
    world.ok(&mut client, "MGET a none a");
    world.ok(&mut client, "GETDEL a");
    world.ok(&mut client, "GETDEL a");
    let stats = world.ok(&mut client, "INFO stats").text();
    assert!(stats.contains("keyspace_hits:3\r\nkeyspace_misses:2\r\n"), "{stats}");
}

#[test]
fn values_longer_than_a_reply_are_refused_and_stay() {
    let mut world = World::with("output=65536", 4096);
    let mut client = world.connect();
    let half = vec![b'h'; 32 << 10];
    for key in [&b"a"[..], b"b"] {
        world.request(&mut client, &[b"SET", key, &half]);
    }
    world.request(&mut client, &[b"SET", b"long", &[b'l'; (64 << 10) + 1]]);
    world.ok(&mut client, "SET more x");
    let both = Value::Array(vec![Value::Bulk(half.clone()), Value::Bulk(half.clone())]);
    assert_eq!(world.ok(&mut client, "MGET a b"), both);
    let error = world.error(&mut client, "GETDEL long");
    assert_eq!(error, "LIMIT reply exceeds 65536 bytes, use GET first");
    assert_eq!(world.ok(&mut client, "EXISTS a b long more").integer(), 4);
    assert_eq!(world.ok(&mut client, "GETDEL a"), Value::Bulk(half));
    assert_eq!(world.ok(&mut client, "EXISTS a b long more").integer(), 3);
    world.check(&mut client);
}

#[test]
fn a_flush_frees_keys_in_slices_and_leaves_regions_without_a_name() {
    let mut world = World::new();
    let (mut one, mut other) = (world.connect(), world.connect());
    world.ok(&mut one, "VMALLOC 4K");
    for number in 0..1000 {
        world.ok(&mut one, &format!("SET k:{number} x"));
    }
    world.ok(&mut one, "VMALLOC 3M NAME large");
    world.send(&mut one, &multibulk(&[b"FLUSHALL"]));
    world.step();
    world.step();
    let left = world.ok(&mut other, "DBSIZE").integer();
    assert!((1..1001).contains(&left), "{left} are left while others are served");
    assert_eq!(world.reply(&mut one), Value::Status("OK".into()));
    assert_eq!(world.ok(&mut other, "DBSIZE").integer(), 0);
    world.settle();
    assert!(world.check(&mut other).starts_with("OK areas=1 "));
    // A client that disconnects during the command leaves no effect.
    for number in 0..1000 {
        world.ok(&mut one, &format!("SET k:{number} x"));
    }
    world.send(&mut one, &multibulk(&[b"FLUSHDB"]));
    world.step();
    world.reset(&one);
    world.settle();
    let left = world.ok(&mut other, "DBSIZE").integer();
    assert!(left < 1000, "{left}");
    world.ok(&mut other, "FLUSHDB");
    assert_eq!(world.ok(&mut other, "DBSIZE").integer(), 0);
    assert!(world.check(&mut other).starts_with("OK areas=0 "));
}

fn sorted(names: &Value) -> Vec<String> {
    let mut names: Vec<_> = names.items().iter().map(Value::text).collect();
    names.sort();
    names
}

/// Replies and errors of Redis 7.0.15.
#[test]
fn names_are_found_by_patterns_that_distinguish_case() {
    let mut world = World::new();
    let mut client = world.connect();
    assert_eq!(world.ok(&mut client, "KEYS *"), Value::Array(Vec::new()));
    for name in ["k", "Ka", "kb", "K[b"] {
        world.ok(&mut client, &format!("SET {name} x"));
    }
    world.ok(&mut client, "VMALLOC 4K");
    for (pattern, expected) in [
        ("*", &["K[b", "Ka", "k", "kb"][..]),
        ("k*", &["k", "kb"]),
        ("K*", &["K[b", "Ka"]),
        ("[^k]*", &["K[b", "Ka"]),
        (r"K\[?", &["K[b"]),
        ("?", &["k"]),
        ("none", &[]),
    ] {
        assert_eq!(sorted(&world.ok(&mut client, &format!("KEYS {pattern}"))), expected);
        let page = world.ok(&mut client, &format!("SCAN 0 COUNT 100 MATCH {pattern}"));
        assert_eq!(page.items()[0].text(), "0");
        assert_eq!(sorted(&page.items()[1]), expected, "{pattern}");
    }
    let setting = world.ok(&mut client, "CONFIG GET MAXMEM[O]RY");
    assert_eq!(setting.items()[0], bulk("maxmemory"), "settings do not distinguish it");
    for line in ["KEYS", "KEYS a b"] {
        let expected = "ERR wrong number of arguments for 'keys' command";
        assert_eq!(world.error(&mut client, line), expected);
    }
}

#[test]
fn a_search_that_takes_too_long_is_refused_and_a_page_ends_early() {
    let mut world = World::with("output=65536", 4096);
    let mut client = world.connect();
    let (names, length) = (40, 512);
    for number in 0..names {
        let name = format!("{number:02}{}", "a".repeat(length - 2));
        world.ok(&mut client, &format!("SET {name} x"));
    }
    assert_eq!(world.ok(&mut client, "KEYS *a").items().len(), names);
    // For every byte of a name that `*` matches, the rest is compared again.
    let slow = format!("*{}c", "a".repeat(length / 2));
    let expected = "LIMIT search exceeds 1048576 comparisons, use SCAN";
    assert_eq!(world.error(&mut client, &format!("KEYS {slow}")), expected);
    let (mut cursor, mut pages) = ("0".to_owned(), 0);
    while pages == 0 || cursor != "0" {
        let page = world.ok(&mut client, &format!("SCAN {cursor} COUNT 1000 MATCH {slow}"));
        assert_eq!(page.items()[1], Value::Array(Vec::new()));
        cursor = page.items()[0].text();
        pages += 1;
    }
    assert!((2..names).contains(&pages), "{pages} pages");
    for number in 0..100 {
        let name = format!("b{number:03}{}", "b".repeat(length - 4));
        world.ok(&mut client, &format!("SET {name} x"));
    }
    let expected = "LIMIT reply exceeds 65536 bytes, use SCAN";
    assert_eq!(world.error(&mut client, "KEYS *"), expected);
    assert_eq!(world.ok(&mut client, "KEYS b*").items().len(), 100);
    let pattern = "a".repeat(1025);
    for line in [format!("KEYS {pattern}"), format!("SCAN 0 MATCH {pattern}")] {
        assert_eq!(world.error(&mut client, &line), "ERR a pattern of 1025 bytes exceeds 1024");
    }
    world.check(&mut client);
}

/// Replies and errors of Redis 7.0.15.
#[test]
fn keys_are_set_together() {
    let mut world = World::new();
    let mut client = world.connect();
    let ok = || Value::Status("OK".into());
    for (line, expected) in [
        ("MSET a 1 b 2 a 3", ok()),
        ("MGET a b", Value::Array(vec![bulk("3"), bulk("2")])),
        ("EXPIRE a 100", Value::Integer(1)),
        ("MSET a 4", ok()),
        ("TTL a", Value::Negative(-1)),
        ("MSETNX new 1 a 5", Value::Integer(0)),
        ("MGET new a", Value::Array(vec![Value::Null, bulk("4")])),
        ("MSETNX new 1 new 2", Value::Integer(1)),
        ("GET new", bulk("2")),
        ("DBSIZE", Value::Integer(3)),
    ] {
        assert_eq!(world.ok(&mut client, line), expected, "{line}");
    }
    world.request(&mut client, &[b"MSET", b"empty", b"", b"b", b"x"]);
    assert_eq!(world.ok(&mut client, "STRLEN empty").integer(), 0);
    for (line, expected) in [
        ("MSET a", "ERR wrong number of arguments for 'mset' command"),
        ("MSET a 1 b", "ERR wrong number of arguments for 'mset' command"),
        ("MSETNX q 1 r", "ERR wrong number of arguments for 'msetnx' command"),
    ] {
        assert_eq!(world.error(&mut client, line), expected, "{line}");
    }
    assert!(world.check(&mut client).starts_with("OK areas=4 "));
}

#[test]
fn keys_that_cannot_all_be_set_are_all_unchanged() {
    const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";
    let mut world = World::with("names=4 quota.named=32768", 4096);
    let mut client = world.connect();
    world.ok(&mut client, "MSET a 1 b 2");
    let large = "x".repeat(9000);
    let long = "k".repeat(513);
    for (inject, line, expected) in [
        (3, "MSET a x b x c x".to_owned(), OOM),
        (0, "MSET a x c x d x e x".to_owned(), OOM),
        (0, format!("MSET a {large} b {large} c {large}"), OOM),
        (0, format!("MSET a x {long} x"), "ERR a key of 513 bytes exceeds 512"),
        (2, "MSETNX c x d x".to_owned(), OOM),
        (0, format!("MSET a x b {}", "x".repeat(1 << 20)), OOM),
    ] {
        world.ok(&mut client, &format!("VINJECT region {inject}"));
        assert_eq!(world.error(&mut client, &line), expected);
        let values = world.ok(&mut client, "MGET a b c d");
        let [one, two] = [bulk("1"), bulk("2")];
        assert_eq!(values, Value::Array(vec![one, two, Value::Null, Value::Null]));
        assert!(world.check(&mut client).starts_with("OK areas=2 "));
    }
    world.ok(&mut client, "VINJECT region 0");
    // Pages of replaced regions count once, and are available for the others.
    world.ok(&mut client, &format!("SET a {}", "x".repeat(28_000)));
    assert_eq!(world.error(&mut client, "MSET c x d x"), OOM);
    assert_eq!(world.error(&mut client, &format!("MSET a {large} a x c {large} d {large}")), OOM);
    world.ok(&mut client, &format!("MSET c {large} a x d x"));
    assert_eq!(world.ok(&mut client, "DBSIZE").integer(), 4);
    assert!(world.check(&mut client).starts_with("OK areas=4 "));
}

#[test]
fn commands_on_many_keys_in_transactions_and_watched() {
    let mut world = World::new();
    let (mut one, mut other) = (world.connect(), world.connect());
    for line in ["FLUSHALL", "MSET k 2 l 3", "MSETNX new 1 newer 2", "GETDEL k"] {
        world.ok(&mut one, "DEL k new newer");
        if !line.starts_with("MSETNX") {
            world.ok(&mut one, "SET k 1");
        }
        world.ok(&mut one, "WATCH k newer");
        world.ok(&mut other, line);
        world.ok(&mut one, "MULTI");
        world.ok(&mut one, "SET k mine");
        assert_eq!(world.ok(&mut one, "EXEC"), Value::Null, "{line}");
    }
    for number in 0..600 {
        world.ok(&mut other, &format!("SET k:{number} x"));
    }
    world.ok(&mut one, "MULTI");
    for line in ["FLUSHDB", "MSET a 1 b 2", "MGET a none", "GETDEL b", "KEYS *"] {
        assert_eq!(world.ok(&mut one, line), Value::Status("QUEUED".into()), "{line}");
    }
    let ok = || Value::Status("OK".into());
    let values = Value::Array(vec![bulk("1"), Value::Null]);
    let expected = vec![ok(), ok(), values, bulk("2"), Value::Array(vec![bulk("a")])];
    assert_eq!(world.ok(&mut one, "EXEC"), Value::Array(expected));
    assert!(world.check(&mut other).starts_with("OK areas=1 "));
}
